//! What a machine was bound for, and by whom it is held, however its provider comes to say so; and the bugs that these tests notice.

use argosy_model::{Machine, State};

use crate::lanes::tests::ground::{Ground, slot};
use crate::plant::{Bug, is_noticed};
use crate::{Call, Command, NeedRow, Observed, Outcome, Report, Verb};

const MACHINE: &str = "p.r1.0";
const PRIORITY: i32 = 1_000;

/// A cluster asks for so many machines, and there is none yet.
fn asked(machines: u64) -> Ground {
    let mut ground = Ground::new(&["p"], &["r1"], 0);
    let amounts = |n: u64| vec![("nvidia.com/gpu".to_owned(), 8 * n)];
    let row = NeedRow { priority: PRIORITY, aggregate: amounts(machines), min_unit: amounts(1), ..NeedRow::default() };
    let rows = if machines == 0 { &[][..] } else { &[row] };
    let command = ground.state.diff_rollup("c", rows).expect("the first report");
    ground.apply(command);
    ground
}

fn shown(id: &str, state: State) -> Observed {
    let mut seen = slot(id, 1);
    seen.machine.state = state;
    seen.machine.host = (state != State::Speculative).then(|| id.to_owned());
    seen.machine.cluster = state.is_bound().then(|| "c".to_owned());
    seen
}

fn show(ground: &mut Ground, state: State) {
    ground.show("p", vec![shown(MACHINE, state)]);
}

fn machine(ground: &Ground) -> Machine {
    *ground.state.fleet().machine(ground.state.fleet().find(MACHINE).expect("there"))
}

/// The only call that is to be made.
fn call(ground: &Ground) -> Call {
    let open: Vec<_> = ground.state.ledger().iter().collect();
    assert_eq!(open.len(), 1, "{open:?}");
    ground.state.call(open[0].id).expect("to be made")
}

fn accept(ground: &mut Ground) {
    let Call { operation, attempt, .. } = call(ground);
    let outcome = Outcome::Accepted { provider_operation: String::new() };
    ground.apply(Command::Outcomes(vec![Report { operation, attempt, outcome }]));
}

/// An idle machine is about to be configured.
fn bootstrapping() -> Ground {
    let mut ground = asked(1);
    show(&mut ground, State::Idle);
    ground.decide();
    assert!(matches!(call(&ground).verb, Verb::Configure { .. }));
    ground
}

fn priorities_survive_the_loss_of_the_state() {
    let Verb::Configure { metadata, .. } = call(&bootstrapping()).verb else { unreachable!("it configures") };
    let mut restored = asked(1);
    let mut echoed = shown(MACHINE, State::Configured);
    echoed.machine.metadata = metadata;
    restored.show("p", vec![echoed]);
    assert_eq!(machine(&restored).assigned_priority, PRIORITY);
}

fn what_is_configured_late_keeps_its_terms() {
    let mut ground = bootstrapping();
    accept(&mut ground);
    show(&mut ground, State::Configuring);
    show(&mut ground, State::Configured);
    assert_eq!((machine(&ground).state, machine(&ground).assigned_priority), (State::Configured, PRIORITY));
    assert_eq!(ground.state.ledger().iter().count(), 0);
}

fn a_slow_drain_keeps_its_holder() {
    let mut ground = asked(0);
    show(&mut ground, State::Configured);
    let holder = machine(&ground).cluster();
    assert!(holder.is_some());
    ground.decide();
    assert!(matches!(call(&ground).verb, Verb::Drain { .. }));
    accept(&mut ground);
    assert_eq!(machine(&ground).cluster(), holder, "it drains still");
    show(&mut ground, State::Draining);
    assert_eq!(machine(&ground).cluster(), holder);
    show(&mut ground, State::Idle);
    assert_eq!(machine(&ground).cluster(), None);
}

fn states_that_a_listing_missed_are_skipped() {
    let mut ground = asked(1);
    show(&mut ground, State::Speculative);
    show(&mut ground, State::Configured);
    assert_eq!(machine(&ground).state, State::Configured);
}

#[test]
fn holders_and_terms_stay_however_late_a_provider_tells() {
    priorities_survive_the_loss_of_the_state();
    what_is_configured_late_keeps_its_terms();
    a_slow_drain_keeps_its_holder();
    states_that_a_listing_missed_are_skipped();
}

#[test]
fn bugs_that_lose_holders_or_terms_are_noticed() {
    let proofs: [(Bug, fn()); 4] = [
        (Bug::EchoUnwritten, priorities_survive_the_loss_of_the_state),
        (Bug::LateTermsLost, what_is_configured_late_keeps_its_terms),
        (Bug::DrainDoneWhenAccepted, a_slow_drain_keeps_its_holder),
        (Bug::SkippedStatesIgnored, states_that_a_listing_missed_are_skipped),
    ];
    for (bug, proof) in proofs {
        assert!(is_noticed(bug, proof), "nobody noticed {bug:?}");
    }
}
