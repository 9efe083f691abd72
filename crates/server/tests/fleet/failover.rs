//! The loss of a leader: a pause, and nothing lost, nothing doubled.

use argosy_model::State;
use argosy_provider::client::{Client, Deadlines, Fence, Mutation, Order, Refusal};
use argosy_provider::sim::ledger;
use argosy_raft::Read;

use crate::installation::{Installation, Plan};
use crate::operator::{CONFIGURED, Operator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_survives_the_death_of_its_leader_and_no_effect_is_lost_or_doubled() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, before) = fleet.leader().await;
    let term = before.term();
    drop(before);
    let operator = Operator::greet(fleet.port((at + 1) % 3), "c1").await;
    operator.needs(40).await;
    // Killed while machines are on their way: some attempts are with the provider, some are not.
    operator.hears("the roll-up is acknowledged", |heard| heard.acks == 1).await;
    operator.hears("blobs are asked for", |heard| !heard.blobs_asked.is_empty()).await;
    fleet.kill(at);
    let (next, leader) = fleet.leader().await;
    assert!(leader.term() > term);
    let demand = leader.view().state.demand().len();
    assert_eq!(demand, 1, "an acknowledged roll-up was lost");
    operator.hears("all machines are told", |heard| heard.in_state(CONFIGURED) == 10).await;
    operator.needs(44).await;
    let heard = operator.hears("the next roll-up is acknowledged", |heard| heard.acks == 2).await;
    let noticed = heard.greetings != 1 || heard.ended.is_some();
    assert!(!noticed, "the operator's stream noticed more than a pause");
    fleet
        .state(next, "eleven machines are configured", |view| {
            let fleet = view.state.fleet();
            let holder = fleet.words.find_cluster("c1");
            holder.is_some_and(|c1| fleet.count(State::Configured, Some(c1)) == 11) && view.state.ledger().is_empty()
        })
        .await;
    let report = ledger::check(fleet.effects().await);
    assert!(report.is_clean(), "{report:?}");

    // The killed node catches up and holds the same state.
    fleet.start_node(at).await;
    let index = fleet.replica(next).view().state.revision();
    let caught_up = fleet.state(at, "the killed node has caught up", |view| view.state.revision() >= index).await;
    let same =
        fleet.state(next, "the leader is there too", |view| view.state.revision() >= caught_up.state.revision()).await;
    if same.state.revision() == caught_up.state.revision() {
        assert_eq!(same.state.state_hash(), caught_up.state.state_hash());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_call_of_an_old_leader_is_fenced() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, before) = fleet.leader().await;
    let old_term = i64::try_from(before.term()).expect("small");
    drop(before);
    let operator = Operator::greet(fleet.port((at + 1) % 3), "c1").await;
    fleet.kill(at);
    let (_, leader) = fleet.leader().await;
    operator.needs(4).await;
    let heard = operator.hears("a machine is told", |heard| heard.in_state(CONFIGURED) == 1).await;
    let machine = heard.machines.keys().next().expect("one machine").clone();
    // What a leader that was cut off might still send: its own term, with an index that is as high as it likes.
    let client = Client::new(fleet.provider(), Deadlines::default());
    let fence = Fence::new(leader.shard(), old_term, i64::MAX).expect("a fence");
    let late = Order { machine_id: machine, mutation: Mutation::Drain { grace_period_seconds: 0 }, fence, tag: None };
    assert_eq!(client.carry_out(late).await, Err(Refusal::Fenced));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_up_is_acknowledged_only_when_it_is_committed() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    let others = [(at + 1) % 3, (at + 2) % 3];
    for other in others {
        fleet.kill(other);
    }
    operator.needs(4).await;
    // Alone, the leader can commit nothing, and it has acknowledged nothing by the time that it cannot even confirm a read.
    let leader = fleet.replica(at).leader();
    if let Some(leader) = leader {
        let confirmed = fleet.on(at, async move { leader.confirm(Read::Index).await }).await;
        assert!(confirmed.is_err(), "a read was confirmed without a majority");
    }
    assert_eq!(operator.heard().acks, 0, "acknowledged what a majority has not stored");
    for other in others {
        fleet.start_node(other).await;
    }
    operator.hears("the roll-up is acknowledged", |heard| heard.acks == 1).await;
    let (at, leader) = fleet.leader().await;
    fleet.state(at, "the roll-up is in the state", |view| view.state.demand().len() == 1).await;
    drop(leader);
}
