//! Many callers at once: B401 to B409.

use std::collections::BTreeSet;

use argosy_model::State;
use argosy_provider::client::{Accepted, Mutation, Order, Refusal};
use argosy_provider::sim::ledger;
use futures::future::join_all;

use crate::rig::{Rig, config, configure, fence, order};

async fn all_at_once(rig: &Rig, orders: Vec<Order>) -> Vec<Result<Accepted, Refusal>> {
    let calls = orders.into_iter().map(|order| {
        let client = rig.client.clone();
        tokio::spawn(async move { client.carry_out(order).await })
    });
    join_all(calls).await.into_iter().map(|joined| joined.expect("no panic")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identical_calls_in_parallel_share_one_operation_and_one_effect() {
    let mut rig = Rig::start(config()).await;
    let steps = [Mutation::Create, configure("c"), Mutation::Drain { grace_period_seconds: 9 }, Mutation::Delete];
    for (step, mutation) in (1..).zip(steps) {
        // Each call has a fence of its own, so some are fenced by their rivals; all that pass must agree.
        let orders = (1..=32).map(|sequence| order("n-us-a-000019", mutation.clone(), fence(step, sequence)));
        let outcomes = all_at_once(&rig, orders.collect()).await;
        let ids: BTreeSet<_> = outcomes.iter().flatten().map(|accepted| &accepted.operation_id).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Refusal::Fenced))));
        rig.settle().await;
    }
    let effects = rig.effects().await;
    assert_eq!(effects.len(), 4);
    assert!(ledger::check(effects).is_clean());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rivals_serialise_and_the_higher_epoch_wins() {
    let mut rig = Rig::start(config()).await;
    let orders = (1..=16).map(|epoch| order("n-us-a-000000", configure(&format!("c{epoch}")), fence(epoch, 1)));
    let outcomes = all_at_once(&rig, orders.collect()).await;
    assert_eq!(outcomes.iter().flatten().count(), 1, "one cluster gets the machine");
    let late = rig.client.carry_out(order("n-us-a-000000", configure("late"), fence(15, 99))).await;
    assert_eq!(late, Err(Refusal::Fenced), "the highest epoch was seen, whoever won the machine");
    rig.settle().await;
    let effects = rig.effects().await;
    assert_eq!(rig.client.get("n-us-a-000000").await.expect("there").cluster, effects[0].cluster);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_machines_do_not_meet() {
    let mut rig = Rig::start(config()).await;
    let machine = |n: i64| format!("n-eu-a-{n:06}");
    let orders = (0..10).map(|n| order(&machine(n), configure(&format!("cluster-{n}")), fence(1, n + 1)));
    let outcomes = all_at_once(&rig, orders.collect()).await;
    let ids: BTreeSet<_> = outcomes.iter().map(|outcome| &outcome.as_ref().expect("accepted").operation_id).collect();
    assert_eq!(ids.len(), 10);
    rig.settle().await;
    for n in 0..10 {
        let machine = rig.client.get(&machine(n)).await.expect("there");
        assert_eq!((machine.state, machine.cluster), (State::Configured, format!("cluster-{n}")));
    }
    rig.stop().await;
}
