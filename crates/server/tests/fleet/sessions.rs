//! Sessions on any node: relayed, replaced, refused.

use argosy_proto::bigfleet::v1alpha1::operator_message::Message as Say;
use tonic::Code;

use crate::installation::{Installation, Plan};
use crate::operator::{CONFIGURED, Heard, Operator, rollup};

fn code(heard: &Heard) -> Option<Code> {
    heard.ended.as_ref().map(|end| end.as_ref().map_or_else(tonic::Status::code, |()| Code::Ok))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_takes_a_session_and_serves_it_from_the_leader() {
    // The shard has one voter: the other nodes have no replica that would know the leader.
    let fleet = Installation::start(Plan { voters: 1, ..Plan::default() }).await;
    let (at, _) = fleet.leader().await;
    assert_eq!(at, 0);
    for (cluster, node) in [("c1", 1), ("c2", 2)] {
        let operator = Operator::greet(fleet.port(node), cluster).await;
        operator.needs(4).await;
        let heard = operator.hears("a machine is told", |heard| heard.in_state(CONFIGURED) == 1).await;
        assert_eq!((heard.acks, heard.blobs_asked.len()), (1, 1), "{heard:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_session_of_a_cluster_takes_the_place_of_the_older_on_whatever_node() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let older = Operator::greet(fleet.port((at + 1) % 3), "c1").await;
    let newer = Operator::greet(fleet.port((at + 2) % 3), "c1").await;
    let heard = older.hears("the older session ends", |heard| heard.ended.is_some()).await;
    assert_eq!(code(&heard), Some(Code::Aborted));
    newer.needs(4).await;
    newer.hears("the newer session is served", |heard| heard.in_state(CONFIGURED) == 1).await;
    assert!(newer.heard().ended.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_begins_with_a_greeting_and_speaks_for_one_cluster() {
    let fleet = Installation::start(Plan::default()).await;
    let ends_with = |operator: Operator| async move {
        code(&operator.hears("the session is refused", |heard| heard.ended.is_some()).await)
    };
    let rude = Operator::silent(fleet.port(0), "c1").await;
    rude.needs(4).await;
    assert_eq!(ends_with(rude).await, Some(Code::InvalidArgument));
    let nameless = Operator::open(fleet.port(0), "").await;
    assert_eq!(ends_with(nameless).await, Some(Code::InvalidArgument));
    let unbound = Operator::open(fleet.port(0), "c9").await;
    assert_eq!(ends_with(unbound).await, Some(Code::NotFound));
    let forger = Operator::greet(fleet.port(0), "c1").await;
    forger.say(Say::Rollup(rollup("c2", 4))).await;
    assert_eq!(ends_with(forger).await, Some(Code::InvalidArgument));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_greeting_is_acknowledged_and_a_bad_roll_up_leaves_the_last_good_demand() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    operator.needs(4).await;
    operator.hears("the roll-up is acknowledged", |heard| heard.acks == 1).await;
    let mut bad = rollup("c1", 4);
    bad.needs[0].min_unit.insert("cpu".to_owned(), "many".to_owned());
    operator.say(Say::Rollup(bad)).await;
    let hello = argosy_proto::bigfleet::v1alpha1::Hello { cluster_id: "c1".to_owned(), ..Default::default() };
    operator.say(Say::Hello(hello)).await;
    operator.hears("the second greeting is acknowledged", |heard| heard.greetings == 2).await;
    operator.needs(8).await;
    let heard = operator.hears("the next roll-up is acknowledged", |heard| heard.acks == 2).await;
    assert!(heard.ended.is_none());
    assert_eq!(leader.view().state.demand().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_sessions_with_a_status_to_retry_and_hands_leadership_over() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    let (began, term) = (tokio::time::Instant::now(), leader.term());
    fleet.stop(at).await;
    assert!(began.elapsed() <= std::time::Duration::from_secs(5), "took {:?}", began.elapsed());
    let heard = operator.hears("the session ends", |heard| heard.ended.is_some()).await;
    assert_eq!(code(&heard), Some(Code::Unavailable));
    let (next, leader) = fleet.leader().await;
    assert!(next != at && leader.term() > term);
}
