//! The simulated cloud keeps the provider's contract, and its luck is a machine's own.

use argosy_model::{Duration, State};
use argosy_shard::{Call, Fence, OperationId, Refusal, Verb};
use argosy_sim::cloud::{Answer, Faults};
use argosy_sim::{Cloud, Dwell, Dwells, Offer};
use argosy_workload::amounts::Amounts;

fn cloud(machines: usize, dwell: Dwell) -> Cloud {
    let mut cores = Amounts::default();
    cores.set("cpu", 4_000);
    let offer = |n: usize| (format!("m{n}"), Offer::new("c", "zone-a", &cores));
    Cloud::new((0..machines).map(offer), 1, Dwells::all(dwell), 7)
}

/// The `nth` operation's call, under a fence of its own.
fn call(machine: &str, nth: u64, sequence: u64, verb: Verb) -> Call {
    Call {
        operation: OperationId { index: nth, ordinal: 0 },
        attempt: 1,
        fence: Fence::new(0, 1, sequence),
        not_before: Default::default(),
        held_back: false,
        provider: "sim".to_owned(),
        machine: machine.to_owned(),
        verb,
    }
}

fn configure() -> Verb {
    let mut words = argosy_model::Vocabulary::default();
    let claim = argosy_model::Claim { cluster: words.cluster("c"), profile: None, group: None };
    Verb::Configure { cluster: "c".to_owned(), claim, metadata: Vec::new() }
}

fn drain(grace_s: u64) -> Verb {
    Verb::Drain { cluster: "c".to_owned(), grace: Duration::from_secs(grace_s), preemptor_priority: 0 }
}

fn state(cloud: &Cloud, id: &str) -> State {
    cloud.get(id).expect("it is in the inventory").machine.state
}

#[test]
fn a_fence_that_is_not_newer_is_refused_before_anything_else_is_looked_at() {
    let mut cloud = cloud(1, Dwell::Fixed(0));
    assert!(cloud.call(0, 0, &call("m0", 1, 5, configure())).is_accepted());
    for older in [4, 5] {
        let answer = cloud.call(0, 0, &call("m0", 2, older, drain(60)));
        assert_eq!(answer, Answer::Refused(Refusal::Fenced));
    }
    assert_eq!(state(&cloud, "m0"), State::Configured);
}

#[test]
fn a_call_that_is_refused_for_its_position_bars_older_ones() {
    let mut cloud = cloud(1, Dwell::Fixed(0));
    let refused = cloud.call(0, 0, &call("m0", 1, 9, drain(60)));
    assert_eq!(refused, Answer::Refused(Refusal::OutOfPosition));
    assert_eq!(cloud.call(0, 0, &call("m0", 2, 8, configure())), Answer::Refused(Refusal::Fenced));
}

#[test]
fn a_second_attempt_at_what_is_under_way_changes_nothing() {
    let mut cloud = cloud(1, Dwell::Fixed(1_000));
    assert!(cloud.call(0, 0, &call("m0", 1, 1, configure())).is_accepted());
    assert!(cloud.call(500, 0, &call("m0", 1, 2, configure())).is_accepted());
    assert_eq!(cloud.next_ms(), Some(1_000), "the first attempt's end stands");
    cloud.pass(1_000);
    assert_eq!(state(&cloud, "m0"), State::Configured);
    assert!(cloud.broken().is_empty());
}

#[test]
fn an_operation_that_is_carried_out_twice_is_a_broken_rule() {
    let mut cloud = cloud(1, Dwell::Fixed(0));
    assert!(cloud.call(0, 0, &call("m0", 1, 1, configure())).is_accepted());
    cloud.break_down(0, "m0");
    cloud.repair("m0");
    assert!(cloud.call(0, 0, &call("m0", 1, 2, configure())).is_accepted());
    assert_eq!(cloud.broken().len(), 1, "{:?}", cloud.broken());
}

#[test]
fn a_drain_takes_no_longer_than_its_grace() {
    let mut cloud = cloud(1, Dwell::Fixed(60_000));
    assert!(cloud.call(0, 0, &call("m0", 1, 1, configure())).is_accepted());
    cloud.pass(60_000);
    assert!(cloud.call(60_000, 0, &call("m0", 2, 2, drain(10))).is_accepted());
    assert_eq!(cloud.next_ms(), Some(70_000));
}

#[test]
fn a_machine_s_luck_does_not_depend_on_the_others() {
    let luck = |others: bool| {
        let mut cloud = cloud(3, Dwell::Uniform(1_000, 90_000));
        cloud.set_faults(Faults { lost_call_ppm: 300_000, failure_ppm: [300_000; 4], ..Faults::default() });
        if others {
            let _ = cloud.call(0, 0, &call("m0", 1, 1, configure()));
            let _ = cloud.call(0, 0, &call("m1", 2, 2, configure()));
        }
        let answers: Vec<Answer> = (3..9).map(|n| cloud.call(0, 0, &call("m2", n, n, configure()))).collect();
        cloud.pass(100_000);
        (answers, cloud.get("m2"))
    };
    assert_eq!(luck(false), luck(true));
}

#[test]
fn what_is_lost_leaves_the_inventory_and_its_slot_comes_back_when_slots_do() {
    let mut cloud = cloud(1, Dwell::Fixed(0));
    let _ = cloud.list(0);
    cloud.set_faults(Faults { return_ms: Some(5_000), ..Faults::default() });
    cloud.lose(0, "m0");
    assert_eq!((cloud.get("m0"), cloud.list(0)), (None, (Vec::new(), vec!["m0".to_owned()])));
    cloud.pass(5_000);
    assert_eq!(state(&cloud, "m0"), State::Speculative);
}
