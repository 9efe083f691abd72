//! What a caller may rely on, one call at a time. Names in brackets are those of the public conformance suite.

use std::time::Duration;

use argosy_model::State;
use argosy_proto::argosy::v1::Faults;
use argosy_proto::bigfleet::v1alpha1 as api;
use argosy_provider::client::{Client, Deadlines, Mutation, Refusal};
use argosy_provider::sim::{SimConfig, ledger};
use tonic::Code;

use crate::rig::{ALWAYS, Rig, config, configure, fence, order, tagged};

const SLOT: &str = "n-eu-a-000019";
const HOST: &str = "n-eu-a-000000";

#[tokio::test]
async fn a_machine_goes_from_slot_to_cluster_and_back_and_the_ledger_names_each_operation() {
    let mut rig = Rig::start(config()).await;
    let steps = [
        (Mutation::Create, State::Creating, State::Idle),
        (configure("c"), State::Configuring, State::Configured),
        (Mutation::Drain { grace_period_seconds: 30 }, State::Draining, State::Idle),
        (Mutation::Delete, State::Deleting, State::Speculative),
    ];
    for (sequence, (mutation, during, to)) in (1..).zip(steps) {
        let operation = format!("op-{sequence}");
        let accepted =
            rig.client.carry_out(tagged(SLOT, mutation, fence(1, sequence), &operation, 1)).await.expect("accepted");
        assert_eq!(accepted.machine.expect("shown").state, during);
        assert_eq!(rig.advance(99).await, 0);
        assert_eq!(rig.client.get(SLOT).await.expect("there").state, during);
        assert_eq!(rig.advance(1).await, 1);
        assert_eq!(rig.client.get(SLOT).await.expect("there").state, to);
    }
    let effects = rig.effects().await;
    let named: Vec<_> =
        effects.iter().map(|effect| (effect.operation.as_str(), effect.attempt, effect.at_ms)).collect();
    assert_eq!(named, [("op-1", 1, 0), ("op-2", 1, 100), ("op-3", 1, 200), ("op-4", 1, 300)]);
    assert_eq!(effects[2].cluster, "c");
    assert!(ledger::check(effects).is_clean());
    rig.stop().await;
}

#[tokio::test]
async fn each_refusal_has_its_own_meaning() {
    let rig = Rig::start(config()).await;
    let carry_out = |order| rig.client.carry_out(order);
    assert_eq!(carry_out(order("ghost", Mutation::Create, fence(1, 1))).await, Err(Refusal::NotFound));
    assert_eq!(carry_out(order("ghost", Mutation::Create, fence(1, 1))).await, Err(Refusal::Fenced));
    let misplaced = carry_out(order(SLOT, configure("c"), fence(1, 1))).await;
    assert!(matches!(misplaced, Err(Refusal::OutOfPosition(_))), "{misplaced:?}");
    assert!(matches!(carry_out(order("", Mutation::Create, fence(1, 1))).await, Err(Refusal::Invalid(_))));
    assert!(matches!(carry_out(order(HOST, configure(""), fence(1, 1))).await, Err(Refusal::Invalid(_))));
    assert_eq!(rig.client.get("ghost").await, Err(Refusal::NotFound));
    rig.stop().await;
}

#[tokio::test]
async fn stock_tools_may_call_unfenced_only_where_the_provider_allows_it() {
    let create = || api::CreateRequest { machine_id: SLOT.to_owned(), ..api::CreateRequest::default() };
    let mut strict = Rig::start(config()).await;
    assert_eq!(strict.raw.create(create()).await.expect_err("refused").code(), Code::InvalidArgument);
    strict.stop().await;
    let mut lenient = Rig::start(SimConfig { allow_unfenced: true, ..config() }).await;
    let ack = lenient.raw.create(create()).await.expect("accepted").into_inner();
    assert_eq!(ack.machine.expect("shown").state(), api::MachineState::Creating);
    assert_eq!(ledger::check(lenient.effects().await).unfenced, 1);
    lenient.stop().await;
}

/// B210, B211, B212.
#[tokio::test]
async fn numbers_out_of_range_are_invalid_and_the_largest_ones_count() {
    let mut rig = Rig::start(config()).await;
    let drain = |grace, epoch, sequence| api::DrainRequest {
        machine_id: HOST.to_owned(),
        grace_period_seconds: grace,
        shard_id: "s".to_owned(),
        shard_epoch: epoch,
        sequence_number: sequence,
        argosy: None,
    };
    for bad in [drain(-1, 1, 1), drain(1, -1, 5), drain(1, 5, -1)] {
        assert_eq!(rig.raw.drain(bad).await.expect_err("refused").code(), Code::InvalidArgument);
    }
    assert_eq!(rig.raw.drain(drain(1, i64::MAX, i64::MAX)).await.expect_err("not bound").code(), Code::Internal);
    assert_eq!(rig.raw.drain(drain(1, i64::MAX, 7)).await.expect_err("older").code(), Code::FailedPrecondition);
    rig.stop().await;
}

/// B801 to B806.
#[tokio::test]
async fn every_machine_is_whole_and_priced() {
    let mut rig = Rig::start(config()).await;
    let machines = rig.raw.list(api::ListFilter::default()).await.expect("listed").into_inner().machines;
    assert_eq!(machines.len(), 40);
    for machine in machines {
        let idle = machine.state() == api::MachineState::Idle;
        assert_eq!(machine.host.is_some(), idle, "{}", machine.id);
        assert!(!machine.instance_type.is_empty() && !machine.zone.is_empty() && machine.capacity_type != 0);
        assert!(machine.price_per_hour.is_finite() && !machine.allocatable.expect("size").resources.is_empty());
        assert!(machine.labels.contains_key("topology.bigfleet/rack"));
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_lost_acknowledgement_reads_as_maybe_executed_and_its_retry_doubles_nothing() {
    let mut rig = Rig::start(config()).await;
    rig.set_faults(Faults { lost_ack_ppm: ALWAYS, ..Faults::default() }).await;
    let lost = rig.client.carry_out(tagged(SLOT, Mutation::Create, fence(1, 1), "op", 1)).await.expect_err("lost");
    assert!(lost.may_have_executed(), "{lost:?}");
    rig.set_faults(Faults::default()).await;
    let retried = rig.client.carry_out(tagged(SLOT, Mutation::Create, fence(1, 2), "op", 2)).await.expect("found");
    assert_eq!(rig.client.carry_out(tagged(SLOT, Mutation::Create, fence(1, 1), "op", 1)).await, Err(Refusal::Fenced));
    let effects = rig.effects().await;
    assert_eq!((effects.len(), effects[0].operation_id.clone()), (1, retried.operation_id));
    rig.stop().await;
}

#[tokio::test]
async fn a_call_without_an_answer_times_out_and_was_applied() {
    let mut rig = Rig::start(config()).await;
    rig.set_faults(Faults { hang_ppm: ALWAYS, ..Faults::default() }).await;
    let hasty = Client::new(rig.channel.clone(), Deadlines { call: Duration::from_millis(50), ..Deadlines::default() });
    assert_eq!(hasty.carry_out(order(SLOT, Mutation::Create, fence(1, 1))).await, Err(Refusal::Timeout));
    assert_eq!(rig.client.get(SLOT).await.expect("there").state, State::Creating);
    drop(hasty);
    rig.stop().await;
}

#[tokio::test]
async fn a_throttled_caller_is_told_for_how_long() {
    let mut rig = Rig::start(config()).await;
    rig.set_faults(Faults { throttle_ppm: ALWAYS, throttle_pause_ms: 250, ..Faults::default() }).await;
    let refused = rig.client.carry_out(order(SLOT, Mutation::Create, fence(1, 1))).await;
    assert_eq!(refused, Err(Refusal::Throttled { retry_after: Some(Duration::from_millis(250)) }));
    rig.stop().await;
}

#[tokio::test]
async fn a_call_that_was_applied_may_be_hung_when_the_provider_stops() {
    let mut rig = Rig::start(config()).await;
    rig.set_faults(Faults { hang_ppm: ALWAYS, ..Faults::default() }).await;
    let (client, machine) = (rig.client.clone(), SLOT);
    let hung = tokio::spawn(async move { client.carry_out(order(machine, Mutation::Create, fence(1, 1))).await });
    // The effect is the sign that the call has arrived.
    let mut follow = rig
        .control
        .effects(argosy_proto::argosy::v1::EffectsRequest { after_seq: 0, follow: true })
        .await
        .expect("a stream")
        .into_inner();
    let frame = follow.message().await.expect("a frame").expect("an effect");
    assert_eq!(frame.effects[0].machine_id, SLOT);
    rig.stop().await;
    assert!(hung.await.expect("no panic").expect_err("no acknowledgement").may_have_executed());
}

#[tokio::test]
async fn real_time_cannot_be_advanced_and_completes_by_itself() {
    let mut rig = Rig::start(SimConfig { virtual_time: false, ..config() }).await;
    let refused = rig.control.advance(argosy_proto::argosy::v1::AdvanceRequest { by_ms: 1 }).await;
    assert_eq!(refused.expect_err("refused").code(), Code::FailedPrecondition);
    rig.client.carry_out(order(SLOT, Mutation::Create, fence(1, 1))).await.expect("accepted");
    assert_eq!(rig.settle().await.pending, 0);
    assert_eq!(rig.client.get(SLOT).await.expect("there").state, State::Idle);
    rig.stop().await;
}
