//! The rules of the fleet, on virtual time and without a network: each test is named after the rule it keeps.

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::State;
use argosy_proto::argosy::v1::{Faults, ListRequestExtension, OperationTag, Selector, strike_request};
use argosy_proto::bigfleet::v1alpha1 as api;

use bytes::Bytes;

use super::super::catalogue::Catalogue;
use super::super::latency::Latencies;
use super::super::ledger;
use super::*;
use crate::contract::{Ask, Call, Refused, Token};

const NEVER: u32 = 0;
const ALWAYS: u32 = 1_000_000;

fn catalogue() -> Catalogue {
    let text = r#"
        provider = "sim"
        regions = { eu = ["eu-a"], us = ["us-a"] }
        [[offering]]
        name = "n"
        instance_type = "n.4"
        capacity_type = "on-demand"
        price_per_hour = 1.0
        slots = 8
        idle_percent = 50
        machines_per_rack = 4
        resources = { cpu = "4" }
        [[offering]]
        name = "s"
        instance_type = "s.4"
        zones = ["us-a"]
        capacity_type = "spot"
        price_per_hour = 0.2
        interruption_probability = 0.9
        slots = 4
        idle_percent = 100
        machines_per_rack = 4
        resources = { cpu = "4" }
    "#;
    Catalogue { latency: Latencies::fixed(100), ..Catalogue::parse(text).expect("valid") }
}

fn world_with(seed: u64, faults: Faults) -> World {
    let rules = Rules { allow_unfenced: false, virtual_time: true };
    World::new(catalogue(), seed, rules, Stored { faults, ..Stored::default() })
}

fn world() -> World {
    world_with(1, Faults::default())
}

const SLOT: &str = "n-eu-a-000007";
const HOST: &str = "n-eu-a-000000";

fn call(machine: &str, ask: Ask, fence: (i64, i64)) -> Call {
    let token = Token { shard: "shard-1".to_owned(), epoch: fence.0, sequence: fence.1 };
    Call { machine_id: machine.to_owned(), ask, token, tag: OperationTag::default() }
}

fn configure(cluster: &str) -> Ask {
    let metadata = BTreeMap::from([("k\0".to_owned(), "v\u{7}".to_owned()), (String::new(), "empty".to_owned())]);
    Ask::Configure { cluster: cluster.to_owned(), metadata, blob: Bytes::from_static(b"abc") }
}

fn ok(world: &mut World, machine: &str, ask: Ask, sequence: i64) -> api::TransitionAck {
    world.mutate(call(machine, ask, (1, sequence))).expect("accepted").ack
}

fn state(world: &World, machine: &str) -> State {
    State::from_number(world.get(machine).expect("listed").state).expect("a state")
}

#[test]
fn four_round_trips_leave_nothing_behind_and_use_legal_edges_only() {
    let mut world = world();
    let mut sequence = 0;
    for _ in 0..4 {
        for (ask, during, to) in [
            (Ask::Create, State::Creating, State::Idle),
            (configure("c"), State::Configuring, State::Configured),
            (Ask::Drain { grace_s: 10 }, State::Draining, State::Idle),
            (Ask::Delete, State::Deleting, State::Speculative),
        ] {
            sequence += 1;
            ok(&mut world, SLOT, ask, sequence);
            assert_eq!(state(&world, SLOT), during);
            world.run_until(world.now_ms() + 99);
            assert_eq!(state(&world, SLOT), during);
            world.run_until(world.now_ms() + 1);
            assert_eq!(state(&world, SLOT), to);
        }
        let slot = world.get(SLOT).expect("listed");
        assert!(
            slot.host.is_none()
                && slot.cluster.is_empty()
                && slot.shard_metadata.is_empty()
                && slot.last_error.is_empty()
        );
    }
    assert_eq!(world.effects(), 16);
    assert!(ledger::check(world.take_journal().effects).is_clean());
}

#[test]
fn the_binding_shows_from_configuring_until_drain_ends_byte_for_byte() {
    let mut world = world();
    ok(&mut world, HOST, configure("c"), 1);
    let bound = world.get(HOST).expect("listed");
    let Ask::Configure { metadata, .. } = configure("c") else { unreachable!() };
    assert_eq!((bound.cluster.as_str(), &bound.shard_metadata), ("c", &metadata));
    world.settle();
    ok(&mut world, HOST, Ask::Drain { grace_s: 10 }, 2);
    assert_eq!(world.get(HOST).expect("listed").cluster, "c");
    world.settle();
    let free = world.get(HOST).expect("listed");
    assert!(free.cluster.is_empty() && free.shard_metadata.is_empty());
    ok(&mut world, HOST, Ask::Configure { cluster: "d".to_owned(), metadata: BTreeMap::new(), blob: Bytes::new() }, 3);
    assert!(world.get(HOST).expect("listed").shard_metadata.is_empty(), "metadata leaked into the next binding");
}

#[test]
fn out_of_position_is_never_fenced_and_moves_nothing() {
    let mut world = world();
    let mut sequence = 0;
    for (machine, ask) in [
        (SLOT, configure("c")),
        (SLOT, Ask::Drain { grace_s: 1 }),
        (SLOT, Ask::Delete),
        (HOST, Ask::Drain { grace_s: 1 }),
    ] {
        sequence += 1;
        let before = world.get(machine);
        assert!(matches!(world.mutate(call(machine, ask, (1, sequence))), Err(Refused::OutOfPosition(_))));
        assert_eq!(world.get(machine), before);
    }
    ok(&mut world, HOST, configure("c"), 10);
    world.settle();
    for ask in [Ask::Create, Ask::Delete, configure("another cluster")] {
        sequence += 1;
        assert!(matches!(world.mutate(call(HOST, ask, (2, sequence))), Err(Refused::OutOfPosition(_))));
    }
    assert_eq!(world.effects(), 1);
}

#[test]
fn a_repeat_has_the_same_operation_id_and_no_second_effect() {
    let mut world = world();
    let mut sequence = 0;
    let mut twice = |world: &mut World, machine: &str, ask: Ask| {
        let mut ids = BTreeSet::new();
        for settle in [false, true, false] {
            sequence += 1;
            ids.insert(ok(world, machine, ask.clone(), sequence).operation_id);
            if settle {
                world.settle();
            }
        }
        assert_eq!(ids.len(), 1, "{ask:?}: {ids:?}");
        ids.pop_first().expect("one")
    };
    let first: Vec<_> = [Ask::Create, configure("c"), Ask::Drain { grace_s: 5 }, Ask::Delete]
        .map(|ask| twice(&mut world, SLOT, ask))
        .into();
    assert_eq!(world.effects(), 4);
    let second: Vec<_> = [Ask::Create, configure("c"), Ask::Drain { grace_s: 5 }, Ask::Delete]
        .map(|ask| twice(&mut world, SLOT, ask))
        .into();
    assert!(first.iter().all(|id| !second.contains(id)), "a new cycle must mint new ids");
    assert_eq!(world.effects(), 8);
}

#[test]
fn the_fence_comes_before_repetition() {
    let mut world = world();
    ok(&mut world, HOST, configure("c"), 5);
    for stale in [(1, 5), (1, 4), (0, 9)] {
        assert_eq!(world.mutate(call(HOST, configure("c"), stale)).unwrap_err(), Refused::Fenced, "{stale:?}");
    }
}

#[test]
fn the_fence_comes_before_existence() {
    let mut world = world();
    assert_eq!(world.mutate(call("ghost", Ask::Create, (1, 5))).unwrap_err(), Refused::NotFound);
    assert_eq!(world.mutate(call("ghost", Ask::Create, (1, 5))).unwrap_err(), Refused::Fenced);
    assert_eq!(world.mutate(call("ghost", Ask::Create, (1, 6))).unwrap_err(), Refused::NotFound);
}

#[test]
fn a_token_that_passes_raises_the_mark_although_the_call_then_fails() {
    let throttled = Faults { throttle_ppm: ALWAYS, ..Faults::default() };
    let mut world = world_with(1, throttled);
    assert!(matches!(world.mutate(call(HOST, configure("c"), (2, 1))), Err(Refused::Throttled { .. })));
    world.set_faults(Faults::default());
    assert_eq!(world.mutate(call(HOST, configure("c"), (1, 9))).unwrap_err(), Refused::Fenced);
    assert!(matches!(world.mutate(call(HOST, Ask::Drain { grace_s: 1 }, (3, 1))), Err(Refused::OutOfPosition(_))));
    assert_eq!(world.mutate(call(HOST, configure("c"), (2, 9))).unwrap_err(), Refused::Fenced);
    assert_eq!(
        world.mutate(call(HOST, Ask::Drain { grace_s: -1 }, (4, 1))).unwrap_err(),
        Refused::Invalid("grace_period_seconds must not be negative")
    );
    assert_eq!(world.mutate(call(HOST, configure("c"), (3, 9))).unwrap_err(), Refused::Fenced);
    assert!(world.mutate(call(HOST, configure("c"), (4, 2))).is_ok());
}

#[test]
fn marks_are_kept_for_each_shard_and_machine_apart() {
    let mut world = world();
    ok(&mut world, HOST, configure("c"), 50);
    ok(&mut world, "n-eu-a-000001", configure("c"), 1);
    let mut other = call(HOST, configure("c"), (1, 1));
    other.token.shard = "shard-2".to_owned();
    assert!(world.mutate(other).is_ok());
}

#[test]
fn the_zero_token_passes_only_where_it_is_allowed() {
    let zero = || Call { token: Token::default(), ..call(HOST, configure("c"), (0, 0)) };
    assert!(matches!(world().mutate(zero()), Err(Refused::Invalid(_))));
    let rules = Rules { allow_unfenced: true, virtual_time: true };
    let mut lenient = World::new(catalogue(), 1, rules, Stored::default());
    assert!(lenient.mutate(zero()).is_ok());
    assert!(lenient.mutate(call(HOST, configure("c"), (i64::MAX, i64::MAX))).is_ok());
    assert_eq!(lenient.mutate(call(HOST, configure("c"), (i64::MAX, 1))).unwrap_err(), Refused::Fenced);
}

#[test]
fn a_lost_acknowledgement_was_applied_once_and_its_retry_finds_it() {
    let mut world = world_with(1, Faults { lost_ack_ppm: ALWAYS, ..Faults::default() });
    let lost = world.mutate(call(HOST, configure("c"), (1, 1))).expect("applied");
    assert_eq!(lost.lost, Some(Lost::Error));
    assert_eq!(state(&world, HOST), State::Configuring);
    world.set_faults(Faults::default());
    assert_eq!(ok(&mut world, HOST, configure("c"), 2).operation_id, lost.ack.operation_id);
    world.settle();
    assert_eq!(ok(&mut world, HOST, configure("c"), 3).operation_id, lost.ack.operation_id);
    assert_eq!(world.effects(), 1);
}

#[test]
fn a_failure_is_terminal_keeps_its_reason_and_frees_the_machine() {
    let mut world = world_with(1, Faults { configure_failure_ppm: ALWAYS, ..Faults::default() });
    ok(&mut world, HOST, configure("c"), 1);
    world.settle();
    let failed = world.get(HOST).expect("still listed");
    assert_eq!((state(&world, HOST), failed.cluster.as_str()), (State::Failed, ""));
    assert!(failed.last_error.contains("configure failed"));
    for (n, ask) in [Ask::Create, configure("c"), Ask::Drain { grace_s: 1 }, Ask::Delete].into_iter().enumerate() {
        let refused = world.mutate(call(HOST, ask, (2, i64::try_from(n).expect("small") + 1)));
        assert!(matches!(refused, Err(Refused::OutOfPosition(_))));
    }
    world.run_until(world.now_ms() + 1_000_000);
    assert_eq!(world.get(HOST), Some(failed));
}

#[test]
fn a_failed_machine_comes_back_where_repair_is_on() {
    let faults =
        Faults { configure_failure_ppm: ALWAYS, create_failure_ppm: ALWAYS, repair_ms: 500, ..Faults::default() };
    let mut world = world_with(1, faults);
    ok(&mut world, HOST, configure("c"), 1);
    ok(&mut world, SLOT, Ask::Create, 1);
    world.run_until(600);
    assert_eq!((state(&world, HOST), state(&world, SLOT)), (State::Idle, State::Speculative));
    assert!(world.get(HOST).expect("listed").last_error.is_empty());
}

#[test]
fn a_stuck_transition_never_ends_and_does_not_hold_up_settling() {
    let mut world = world_with(1, Faults { stuck_ppm: ALWAYS, ..Faults::default() });
    ok(&mut world, HOST, configure("c"), 1);
    assert_eq!((world.census().under_way(), world.census().pending()), (1, 0));
    world.settle();
    world.run_until(1_000_000);
    assert_eq!(state(&world, HOST), State::Configuring);
}

#[test]
fn drain_ends_within_its_grace() {
    let mut world = world();
    ok(&mut world, HOST, configure("c"), 1);
    world.settle();
    ok(&mut world, HOST, Ask::Drain { grace_s: 0 }, 2);
    world.run_until(world.now_ms());
    assert_eq!(state(&world, HOST), State::Idle);
}

#[test]
fn a_struck_zone_runs_out_of_stock_until_it_is_restocked() {
    let mut world = world();
    let zone = Selector { zones: vec!["eu-a".to_owned()], ..Selector::default() };
    assert_eq!(world.strike(strike_request::Kind::StockOut, &zone), Some(8));
    ok(&mut world, SLOT, Ask::Create, 1);
    ok(&mut world, "n-us-a-000007", Ask::Create, 1);
    world.settle();
    assert!(world.get(SLOT).expect("listed").last_error.contains("no stock"));
    assert_eq!(state(&world, "n-us-a-000007"), State::Idle);
    world.strike(strike_request::Kind::Restock, &zone);
    ok(&mut world, "n-eu-a-000006", Ask::Create, 1);
    world.settle();
    assert_eq!(state(&world, "n-eu-a-000006"), State::Idle);
}

#[test]
fn a_vanished_host_leaves_the_inventory_and_its_slot_returns_when_told_to() {
    let mut world = world_with(1, Faults { return_ms: 1_000, ..Faults::default() });
    ok(&mut world, HOST, configure("c"), 7);
    world.settle();
    let one = Selector { machine_ids: vec![HOST.to_owned()], ..Selector::default() };
    assert_eq!(world.strike(strike_request::Kind::Vanish, &one), Some(1));
    assert_eq!(world.get(HOST), None);
    assert_eq!(world.mutate(call(HOST, Ask::Create, (1, 8))).unwrap_err(), Refused::NotFound);
    world.run_until(world.now_ms() + 1_000);
    assert_eq!(state(&world, HOST), State::Speculative);
    assert_eq!(world.mutate(call(HOST, Ask::Create, (1, 8))).unwrap_err(), Refused::Fenced, "marks outlive the host");
    let create = ok(&mut world, HOST, Ask::Create, 9);
    assert_eq!(create.operation_id, format!("create-{HOST}-2"), "a new host has a new operation");
}

#[test]
fn spot_hosts_get_a_notice_and_then_end() {
    let faults = Faults { spot_interruptions: true, notice_ms: 120_000, ..Faults::default() };
    let mut world = world_with(1, faults);
    let spot = |world: &World, n: u32| world.get(&format!("s-us-a-{n:06}"));
    let mut seen = 0;
    for _ in 0..1_000 {
        world.run_until(world.now_ms() + 60_000);
        seen += (0..4)
            .filter(|n| spot(&world, *n).is_some_and(|machine| machine.labels.contains_key(NOTICE_LABEL)))
            .count();
    }
    assert!(seen >= 4, "every host must be seen with its notice, at one-minute looks within two minutes of notice");
    assert!((0..4).all(|n| spot(&world, n).is_none()));
    assert_eq!(state(&world, HOST), State::Idle, "only spot is interrupted");
}

/// The whole state of the fleet that a caller can see, without cursors.
fn picture(world: &World) -> Vec<api::Machine> {
    let mut machines = world.list(&api::ListFilter::default()).machines;
    machines.sort_by(|a, b| a.id.cmp(&b.id));
    machines
}

#[test]
fn the_order_of_calls_on_different_machines_changes_nothing_about_any_of_them() {
    let faults =
        Faults { create_failure_ppm: 300_000, configure_failure_ppm: 300_000, stuck_ppm: 100_000, ..Faults::default() };
    let run = |order: &[u32]| {
        let mut world = world_with(42, faults);
        world.catalogue.latency = Latencies::default();
        for (step, ask) in [Ask::Create, configure("c"), Ask::Drain { grace_s: 60 }].into_iter().enumerate() {
            for n in order {
                let sequence = i64::try_from(step).expect("small") + 1;
                drop(world.mutate(call(&format!("n-us-a-{n:06}"), ask.clone(), (1, sequence))));
            }
            world.run_until(60_000 * (step as u64 + 1));
        }
        picture(&world)
    };
    let forwards = run(&[0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(forwards, run(&[7, 3, 5, 1, 0, 2, 6, 4]));
    assert!(forwards.iter().any(|machine| machine.state == State::Failed.number()), "the seed must show some failures");
}

fn incremental(since: &[u8], max_results: i32) -> api::ListFilter {
    let argosy = Some(ListRequestExtension { incremental: true });
    api::ListFilter { since_revision: since.to_vec().into(), max_results, argosy, ..api::ListFilter::default() }
}

#[test]
fn a_cursor_shows_exactly_what_changed_and_what_is_gone() {
    let mut world = world();
    let all = world.list(&incremental(b"", 0));
    assert_eq!((all.machines.len(), all.argosy.as_ref().expect("ours").reset), (20, true));
    let quiet = world.list(&incremental(&all.revision, 0));
    assert!(quiet.machines.is_empty() && quiet.revision == all.revision);
    ok(&mut world, HOST, configure("c"), 1);
    let one = Selector { machine_ids: vec!["n-us-a-000000".to_owned()], ..Selector::default() };
    world.strike(strike_request::Kind::Vanish, &one);
    let delta = world.list(&incremental(&all.revision, 0));
    assert_eq!(delta.machines.iter().map(|machine| machine.id.as_str()).collect::<Vec<_>>(), [HOST]);
    assert_eq!(delta.argosy.expect("ours").gone, ["n-us-a-000000"]);
    assert!(delta.revision > all.revision, "cursors must rise");
}

#[test]
fn paging_neither_skips_nor_repeats_also_while_machines_change() {
    let mut world = world();
    let mut cursor = Vec::new();
    let mut seen = BTreeMap::<String, u32>::new();
    for page in 0.. {
        let answer = world.list(&incremental(&cursor, 3));
        for machine in &answer.machines {
            *seen.entry(machine.id.clone()).or_default() += 1;
        }
        if page == 2 {
            ok(&mut world, HOST, configure("c"), 1);
        }
        cursor = answer.revision.to_vec();
        if !answer.argosy.expect("ours").more {
            break;
        }
    }
    assert_eq!(seen.len(), 20);
    let repeated: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id.as_str()).collect();
    assert_eq!(repeated, [HOST], "only what changed in the middle may come twice");
}

#[test]
fn a_cursor_that_is_garbage_changed_or_expired_gives_everything() {
    let mut world = world();
    let good = world.list(&incremental(b"", 0)).revision.to_vec();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] = if bad[at] == b'1' { b'2' } else { b'1' };
        let answer = world.list(&incremental(&bad, 0));
        assert!(answer.machines.len() == 20 && answer.argosy.expect("ours").reset, "byte {at}");
    }
    assert_eq!(world.list(&incremental(b"garbage", 0)).machines.len(), 20);
    world.strike(strike_request::Kind::ExpireCursors, &Selector::default());
    assert_eq!(world.list(&incremental(&good, 0)).machines.len(), 20);
}

#[test]
fn a_stock_caller_gets_the_stock_answer() {
    let world = world();
    let idle = api::ListFilter { states: vec![State::Idle.number()], max_results: 5, ..api::ListFilter::default() };
    let answer = world.list(&idle);
    assert!(answer.argosy.is_none());
    assert_eq!(answer.machines.len(), 5);
    assert!(answer.machines.iter().all(|machine| machine.state == State::Idle.number()));
}

#[test]
fn calls_refused_at_the_door_touch_neither_mark_nor_machine() {
    let mut world = world_with(1, Faults { unavailable_ppm: ALWAYS, ..Faults::default() });
    assert_eq!(
        world.mutate(call(HOST, configure("c"), (9, 9))).unwrap_err(),
        Refused::Unavailable("the cloud does not answer")
    );
    world.set_faults(Faults { unavailable_ppm: NEVER, ..Faults::default() });
    ok(&mut world, HOST, configure("c"), 1);
}

#[test]
fn the_census_agrees_with_a_count() {
    let mut world = world_with(
        3,
        Faults { create_failure_ppm: 500_000, vanish_per_hour_ppm: 500_000, return_ms: 60_000, ..Faults::default() },
    );
    for n in 0..8 {
        drop(world.mutate(call(&format!("n-us-a-{n:06}"), Ask::Create, (1, 1))));
        world.run_until(world.now_ms() + 400_000);
        let mut counted = Census::default();
        world.slots.iter().for_each(|slot| counted.add(&slot.life));
        assert_eq!(*world.census(), counted);
    }
}
