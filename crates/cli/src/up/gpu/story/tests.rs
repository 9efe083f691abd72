//! The story as it should go, and each way in which it goes wrong.

use super::*;

fn machine(id: &str, state: MachineState, health: &str) -> MachineRow {
    let cluster = if state == Configured { "pool/p" } else { "" };
    MachineRow {
        id: id.to_owned(),
        state: state.into(),
        cluster: cluster.to_owned(),
        health: health.to_owned(),
        health_reason: format!("{health} by a rule"),
        ..MachineRow::default()
    }
}

fn seen(machines: &[(&str, MachineState, &str)], step: Option<&str>) -> Seen {
    let connected = machines.iter().map(|(id, ..)| (*id).to_owned()).collect();
    let repair = |step: &str| RepairRow { machine: "a".to_owned(), step: step.to_owned(), ..RepairRow::default() };
    let machines = machines.iter().map(|(id, state, health)| machine(id, *state, health)).collect();
    Seen { machines, connected, repairs: step.map(repair).into_iter().collect() }
}

fn effect(kind: Kind, machine: &str) -> Effect {
    Effect { kind: kind.into(), machine_id: machine.to_owned(), ..Effect::default() }
}

use MachineState::{Configured, Draining, Idle, Speculative};

/// What is seen second by second when all goes well.
fn course() -> Vec<Seen> {
    let (well, ill) = ("healthy", "unhealthy");
    vec![
        seen(&[("a", Configured, well)], None),
        seen(&[("a", Configured, well), ("b", Configured, well)], None),
        seen(&[("a", Configured, well), ("b", Configured, well)], None),
        seen(&[("a", Configured, ill), ("b", Configured, well)], Some("waiting")),
        seen(&[("a", Configured, ill), ("b", Configured, well)], Some("condemned")),
        seen(&[("a", Configured, ill), ("b", Configured, well), ("c", Configured, well)], Some("condemned")),
        seen(&[("a", Draining, ill), ("b", Configured, well), ("c", Configured, well)], Some("condemned")),
        seen(&[("a", Idle, ill), ("b", Configured, well), ("c", Configured, well)], Some("condemned")),
        seen(&[("a", Speculative, ""), ("b", Configured, well), ("c", Configured, well)], None),
    ]
}

fn told(course: &[Seen]) -> (Story, Vec<Act>) {
    let mut story = Story::new("p", 2, Duration::from_secs(1));
    let acts = (0..).zip(course).filter_map(|(at, seen)| story.look(Duration::from_secs(at), seen)).collect();
    (story, acts)
}

#[test]
fn a_story_that_goes_well_has_every_moment_in_order_and_no_fault() {
    let (story, acts) = told(&course());
    assert_eq!(acts, [Act::Break("a".to_owned()), Act::Explain("a".to_owned())]);
    let at: Vec<u64> = story.moments().map(|(_, at, _)| at.as_secs()).collect();
    assert_eq!(at, [1, 2, 3, 4, 5, 7, 8, 8]);
    assert_eq!(story.faults(&[effect(Kind::Create, "c"), effect(Kind::Delete, "a")]), Vec::<String>::new());
}

#[test]
fn a_story_that_ends_early_is_none() {
    for end in 0..course().len() {
        let (story, _) = told(&course()[..end]);
        assert!(!story.faults(&[]).is_empty(), "{end}");
    }
}

#[test]
fn a_second_purchase_and_a_machine_given_back_without_cause_are_faults() {
    let (story, _) = told(&course());
    let twice = [effect(Kind::Create, "c"), effect(Kind::Create, "d"), effect(Kind::Delete, "a")];
    assert!(story.faults(&twice)[0].contains("2 machines were bought"));
    let innocent = [effect(Kind::Create, "c"), effect(Kind::Delete, "b")];
    assert!(story.faults(&innocent)[0].contains("nothing was wrong with"));
}

#[test]
fn a_machine_that_is_drained_before_another_serves_is_a_fault() {
    let mut course = course();
    course.remove(5);
    course.insert(5, seen(&[("a", Idle, "unhealthy"), ("b", Configured, "healthy")], Some("condemned")));
    let (story, _) = told(&course);
    assert!(story.faults(&[effect(Kind::Create, "c")])[0].contains("drained before"));
}
