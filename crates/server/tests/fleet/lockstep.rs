//! Stepped shards: equal inputs give equal decisions, whatever the network and the threads did.

use argosy_model::{ShardTime, State};
use argosy_shard::Digest;

use crate::installation::{Installation, Plan};
use crate::operator::Operator;

const STEPPED: Plan = Plan { mode: "lockstep", voters: 3, secrets: None };

/// Runs a little story and returns the hash over its decisions.
async fn story(kill: bool) -> Digest {
    let mut fleet = Installation::start(STEPPED).await;
    let (at, _) = fleet.leader().await;
    let node = fleet.port((at + 1) % 3);
    let c1 = Operator::greet(node, "c1").await;
    let c2 = Operator::greet(node, "c2").await;
    for (told, (time, first, second)) in (1..).zip([(1_000, 16, 8), (2_000, 40, 8), (60_000, 4, 60), (900_000, 0, 4)]) {
        // One after the other: the order in which demand is committed is an input too.
        c1.needs(first).await;
        c1.hears("c1 is acknowledged", |heard| heard.acks == told).await;
        c2.needs(second).await;
        c2.hears("c2 is acknowledged", |heard| heard.acks == told).await;
        if kill && time == 60_000 {
            fleet.kill(at);
        }
        let (at, leader) = fleet.leader().await;
        let stepped = fleet.on(at, async move { leader.step_to(ShardTime(time)).await }).await.expect("it steps");
        assert!(stepped.settled && stepped.open.is_empty(), "{stepped:?}");
        assert_eq!(stepped.now, ShardTime(time));
    }
    let (_, leader) = fleet.leader().await;
    let view = leader.view();
    let configured =
        view.state.fleet().words.clusters().map(|(c, _)| view.state.fleet().count(State::Configured, Some(c)));
    assert_eq!(configured.sum::<usize>(), 1, "demand for one machine is left");
    view.state.decision_hash()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_steps_give_the_same_decisions_also_when_a_leader_dies_between() {
    let first = story(false).await;
    assert_eq!(first, story(false).await);
    assert_eq!(first, story(true).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stepped_shard_does_nothing_by_itself_and_a_running_one_does_not_step() {
    let fleet = Installation::start(STEPPED).await;
    let (at, leader) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    operator.needs(4).await;
    operator.hears("the roll-up is acknowledged", |heard| heard.acks == 1).await;
    assert!(leader.view().state.fleet().is_empty() && leader.decided().is_none());
    let running = Installation::start(Plan::default()).await;
    let (at, leader) = running.leader().await;
    let stepped = running.on(at, async move { leader.step_to(ShardTime(1)).await }).await;
    assert!(matches!(stepped, Err(argosy_server::leader::StepError::NotLockstep)));
}
