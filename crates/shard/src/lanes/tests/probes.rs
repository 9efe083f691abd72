//! Breakers that are half open: what probes them, and what closes them where nobody asks for one machine.

use argosy_model::{Duration, State};

use super::STOCK_OUT;
use super::ground::{Ground, slot};
use crate::lanes::{BreakerState, Lane};
use crate::operation::Progress;
use crate::{By, Command, Outcome, Refusal, Report};

/// A lane that has just refused a wave of creations, and sells again.
fn mended(slots: u32) -> Ground {
    let mut ground = Ground::new(&["only"], &["r1"], slots);
    ground.breaks("only", &["r1"], STOCK_OUT);
    ground.ask(6);
    ground.run(1);
    ground.ask(0);
    ground.broken.clear();
    assert_eq!(ground.state.lanes().shut().count(), 1);
    ground
}

fn the_lane(ground: &Ground) -> Lane {
    ground.state.lane_of(ground.state.fleet().iter().next().expect("one").0)
}

#[test]
fn a_machine_that_somebody_else_creates_is_no_probe_and_locks_nothing() {
    let mut ground = mended(20);
    let mut foreign = slot("only.r1.x", 1);
    foreign.machine.state = State::Creating;
    ground.show("only", vec![foreign]);
    assert_eq!(ground.count(State::Creating).len(), 1);
    ground.ask(10);
    ground.run(60);
    assert_eq!(ground.serving(), 10);
}

#[test]
fn a_lane_that_nobody_probes_is_closed_on_parole_and_one_refusal_opens_it_for_longer() {
    let mut ground = mended(20);
    let lane = the_lane(&ground);
    ground.run(60);
    let record = *ground.state.lanes().record(lane).expect("what it refused is not forgotten");
    assert_eq!((record.breaker, record.trips), (BreakerState::Closed, 1));
    ground.breaks("only", &["r1"], STOCK_OUT);
    ground.ask(1);
    ground.run(1);
    let record = *ground.state.lanes().record(lane).expect("it refused again");
    let BreakerState::Open { until } = record.breaker else { panic!("{record:?}") };
    assert!(until >= ground.at.plus(Duration::from_secs(110)) && record.trips == 2, "{record:?}");
}

#[test]
fn a_lane_stays_half_open_for_as_long_as_its_probe_is_under_way() {
    let mut ground = mended(20);
    ground.is_slow = true;
    ground.ask(10);
    ground.run(60);
    assert_eq!(ground.count(State::Creating).values().sum::<u32>(), 1, "one at a time, however long it takes");
    assert_eq!(ground.state.lanes().record(the_lane(&ground)).map(|record| record.breaker.name()), Some("half_open"));
}

#[test]
fn a_creation_that_was_accepted_is_not_undone_by_a_word_that_it_was_held_back() {
    let mut ground = Ground::new(&["only"], &["r1"], 4);
    ground.is_slow = true;
    ground.ask(1);
    ground.run(1);
    let operation = *ground.state.ledger().iter().next().expect("one is on its way");
    assert!(matches!(operation.attempt.progress, Progress::Accepted { .. }));
    let outcome = Outcome::Refused { refusal: Refusal::HeldBack, text: String::new() };
    let report = Report { operation: operation.id, attempt: operation.attempt.number, outcome };
    ground.apply(Command::Outcomes(vec![report]));
    assert_eq!(ground.count(State::Creating).values().sum::<u32>(), 1, "its provider is at it");
}

#[test]
fn a_policy_that_switches_breakers_off_closes_those_that_are_shut_and_none_opens_again() {
    let mut ground = Ground::new(&["only"], &["r1"], 20);
    ground.breaks("only", &["r1"], STOCK_OUT);
    ground.ask(6);
    ground.run(1);
    assert_eq!(ground.state.lanes().shut().count(), 1);
    ground.set("version: 1\nbreaker: {after: 0}\n");
    assert_eq!((ground.state.lanes().shut().count(), ground.held_back().len()), (0, 0));
    ground.run(60);
    assert_eq!((ground.state.lanes().shut().count(), ground.held_back().len()), (0, 0));
}

#[test]
fn a_lane_that_is_gone_is_forgotten() {
    let mut ground = mended(5);
    let lane = the_lane(&ground);
    ground.take_away("only", 5);
    assert_eq!((ground.state.fleet().len(), ground.state.lanes().record(lane)), (0, None));
    assert!(!ground.state.lanes().is_limiting());
    let by = By::default();
    ground.apply(Command::CloseLanes { lane: None, by });
}
