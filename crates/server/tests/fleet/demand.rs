//! From a roll-up to configured machines, and back.

use argosy_model::State;
use argosy_provider::sim::ledger;

use crate::installation::{Installation, Plan};
use crate::operator::{CONFIGURED, Operator};

/// How many machines the cluster has in this state.
fn machines(view: &argosy_server::replica::View, cluster: &str, state: State) -> usize {
    let fleet = view.state.fleet();
    fleet.words.find_cluster(cluster).map_or(0, |cluster| fleet.count(state, Some(cluster)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_up_becomes_configured_machines_and_the_operator_hears_of_each() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    // Four machines of metal per zone are idle; the rest must be bought.
    operator.needs(48).await;
    operator.hears("the roll-up is acknowledged", |heard| heard.acks == 1).await;
    fleet.state(at, "twelve machines are configured", |view| machines(view, "c1", State::Configured) == 12).await;
    let heard = operator.hears("twelve machines are told", |heard| heard.in_state(CONFIGURED) == 12).await;
    assert!(heard.machines.values().all(|update| update.node_name == update.machine_id && update.cluster_id == "c1"));
    assert_eq!(heard.blobs_asked.len(), 12);
    let report = ledger::check(fleet.effects().await);
    assert!(report.is_clean() && report.unfenced == 0 && report.unnamed == 0, "{report:?}");
    // Eight idle machines of metal are configured; four slots are created and configured.
    assert_eq!(report.effects, 8 + 4 * 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn withdrawn_demand_drains_machines_through_the_operator_and_tells_it_when_they_have_left() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    operator.needs(8).await;
    operator.hears("two machines are told", |heard| heard.in_state(CONFIGURED) == 2).await;
    operator.needs(0).await;
    fleet
        .state(at, "nothing is configured", |view| {
            machines(view, "c1", State::Configured) == 0
                && view.state.ledger().is_empty()
                && view.state.demand().is_empty()
        })
        .await;
    // The machines no longer name the cluster, and the cluster hears of them all the same.
    let idle = State::Idle.number();
    let heard = operator.hears("two machines are told to have left", |heard| heard.in_state(idle) == 2).await;
    assert!(heard.machines.values().all(|update| update.cluster_id == "c1"), "{heard:?}");
    assert_eq!(heard.reclaimed.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_fleet_writes_nothing() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    operator.needs(8).await;
    let settled = |view: &argosy_server::replica::View| {
        machines(view, "c1", State::Configured) == 2 && view.state.ledger().is_empty()
    };
    fleet.state(at, "two machines are configured", settled).await;
    // The same roll-up again, and a few cycles: nothing new to write.
    let mut decided = leader.watch_decided();
    let cycle = decided.borrow().as_ref().map_or(0, |decided| decided.cycle);
    operator.needs(8).await;
    operator.hears("the second roll-up is acknowledged", |heard| heard.acks == 2).await;
    let quiet = |decided: &Option<std::sync::Arc<argosy_server::leader::Decided>>| {
        decided.as_ref().is_some_and(|decided| decided.cycle >= cycle + 3 && decided.decision.plan.is_empty())
    };
    crate::installation::within("three more cycles decide nothing", decided.wait_for(quiet)).await.expect("it leads");
    let revision = leader.view().state.revision();
    let cycle = leader.decided().expect("it decided").cycle;
    crate::installation::within(
        "two more cycles",
        decided.wait_for(|decided| decided.as_ref().is_some_and(|decided| decided.cycle >= cycle + 2)),
    )
    .await
    .expect("it leads");
    assert_eq!(leader.view().state.revision(), revision, "an unchanged shard wrote an entry");
}
