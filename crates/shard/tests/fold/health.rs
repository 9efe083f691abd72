//! The health of machines: what is kept, what it does to a machine, and what it never does.

use argosy_model::{Duration, Flags, State};
use argosy_shard::{By, Command, HealthUpdate, HealthVerdict, Rejection, Response, ShardState};

use crate::world::{World, seen};

fn fleet() -> World {
    let mut world = World::new();
    world.show(&[seen("m1", State::Idle), seen("m2", State::Idle)]);
    world
}

fn update(machine: &str, base: u64, unfit: bool) -> HealthUpdate {
    let verdict = HealthVerdict { health: "unhealthy".to_owned(), unfit, ..HealthVerdict::default() };
    HealthUpdate { machine: machine.to_owned(), base, record: vec![7; 40], verdict }
}

fn tell(world: &mut World, updates: Vec<HealthUpdate>) -> (u32, u32) {
    match world.apply(Command::Health(updates)) {
        Response::Health { taken, late } => (taken, late),
        other => panic!("{other:?}"),
    }
}

fn act(world: &mut World, on: bool) {
    assert_eq!(world.apply(Command::SetHealthActs { on, by: By::default() }), Response::Done);
}

fn is_unhealthy(world: &World, id: &str) -> bool {
    world.machine(id).flags.has(Flags::UNHEALTHY)
}

#[test]
fn a_new_installation_shows_verdicts_and_lets_none_act() {
    let mut world = fleet();
    assert_eq!(tell(&mut world, vec![update("m1", 0, true)]), (1, 0));
    assert!(!world.state.health().acts() && !is_unhealthy(&world, "m1"));
    act(&mut world, true);
    assert!(!is_unhealthy(&world, "m1"), "it waits for its grace");
    world.pass(Duration::from_secs(120));
    world.repair();
    assert!(is_unhealthy(&world, "m1") && !is_unhealthy(&world, "m2"));
    act(&mut world, false);
    assert!(!is_unhealthy(&world, "m1"));
}

#[test]
fn an_unfit_machine_is_no_supply_until_it_is_fit_again() {
    let mut world = fleet();
    act(&mut world, true);
    tell(&mut world, vec![update("m1", 0, true)]);
    world.pass(Duration::from_secs(120));
    world.repair();
    assert!(is_unhealthy(&world, "m1"));
    tell(&mut world, vec![update("m1", 1, false)]);
    assert!(!is_unhealthy(&world, "m1"));
}

#[test]
fn what_an_administrator_set_by_hand_is_never_cleared_by_a_verdict() {
    let mut world = fleet();
    act(&mut world, true);
    world.apply(Command::SetUnhealthy { machine: "m1".to_owned(), on: true, by: By::default() });
    tell(&mut world, vec![update("m1", 0, true)]);
    world.pass(Duration::from_secs(120));
    world.repair();
    tell(&mut world, vec![update("m1", 1, false)]);
    assert!(is_unhealthy(&world, "m1"));
}

#[test]
fn an_update_that_goes_on_from_something_else_is_late_and_changes_nothing() {
    let mut world = fleet();
    tell(&mut world, vec![update("m1", 0, false)]);
    let before = world.state.health().clone();
    let too_long =
        HealthUpdate { record: vec![0; argosy_shard::health::MAX_HEALTH_RECORD + 1], ..update("m1", 1, true) };
    assert_eq!(tell(&mut world, vec![update("m1", 0, true), update("nobody", 0, true), too_long]), (0, 3));
    assert_eq!(*world.state.health(), before);
}

#[test]
fn an_update_of_an_earlier_leader_is_refused() {
    let mut world = fleet();
    world.term = 2;
    world.apply(Command::LeaderStarted);
    let response = world.apply_as(1, Command::Health(vec![update("m1", 0, true)]));
    assert!(matches!(response, Response::Rejected(Rejection::StaleTerm { .. })), "{response:?}");
}

#[test]
fn a_machine_that_is_given_back_is_forgotten_and_what_comes_in_its_place_is_fit() {
    let mut world = fleet();
    act(&mut world, true);
    tell(&mut world, vec![update("m1", 0, true), update("m2", 0, true)]);
    world.show(&[seen("m1", State::Speculative)]);
    assert!(!is_unhealthy(&world, "m1") && world.state.health().get(world.ix("m1")).is_none());
    let mut gone = crate::world::listing(world.state.revision(), &[]);
    gone.gone = vec!["m2".to_owned()];
    world.force(&gone);
    assert_eq!(world.state.health().iter().count(), 0);
}

#[test]
fn policy_mode_and_records_are_in_the_snapshot_and_in_the_hash() {
    let mut world = fleet();
    act(&mut world, true);
    tell(&mut world, vec![update("m1", 0, true)]);
    let before = world.state.state_hash();
    world.apply(Command::SetHealthPolicy { text: "rules: []".to_owned(), by: By::default() });
    assert_ne!(world.state.state_hash(), before);
    let mut bytes = Vec::new();
    world.state.write_snapshot(&mut bytes).expect("memory takes everything");
    let copy = ShardState::read_snapshot(&mut &bytes[..]).expect("sound");
    assert_eq!(copy.state_hash(), world.state.state_hash());
    assert_eq!(copy.health(), world.state.health());
    assert_eq!(copy.health().policy().map(|policy| policy.revision), Some(world.state.revision()));
}

#[test]
fn an_empty_policy_is_that_of_a_new_installation_and_a_long_one_is_refused() {
    let mut world = fleet();
    world.apply(Command::SetHealthPolicy { text: "rules: []".to_owned(), by: By::default() });
    world.apply(Command::SetHealthPolicy { text: String::new(), by: By::default() });
    assert_eq!(world.state.health().policy(), None);
    let text = " ".repeat(argosy_shard::health::MAX_HEALTH_POLICY + 1);
    let response = world.apply(Command::SetHealthPolicy { text, by: By::default() });
    assert!(matches!(response, Response::Rejected(Rejection::Setting { .. })));
}
