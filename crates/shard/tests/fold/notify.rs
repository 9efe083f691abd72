//! Notifications in the fold: what is noted, once, and what is forgotten when it has been told.

use argosy_model::State;
use argosy_notify::{Key, Progress, SinkFile, Subject, Topic};
use argosy_pool::PoolFile;
use argosy_shard::{By, Command, HealthUpdate, HealthVerdict, Listing, Rejection, Response, ShardState};

use crate::pools::cycle;
use crate::world::{World, by, listing, seen};

const SINKS: &str = "{version: 1, sinks: [{name: all, url: \"https://ops.example/\"}]}";
const POOL: &str = "{version: 1, pools: [{name: p, min: 2, max: 3, machine: {resources: {cpu: 8}}}]}";

fn set(world: &mut World, text: &str) {
    let file = Box::new(SinkFile::parse("sinks", text).expect("a sound file"));
    assert_eq!(world.apply(Command::SetSinks { file, by: by() }), Response::Done);
}

fn fleet() -> World {
    let mut world = World::new();
    world.show(&(0..3).map(|n| seen(&format!("m{n}"), State::Idle)).collect::<Vec<_>>());
    world
}

/// What the sink has still to be told: topic and subject, in order.
fn told(world: &World) -> Vec<(Topic, String)> {
    let kept = world.state.outbox().sink("all").expect("it is there");
    let name = |subject: &Subject| match subject {
        Subject::Machine { id, .. } => id.to_string(),
        Subject::Pool(name) | Subject::Domain(name) => name.to_string(),
    };
    let pending = world.state.outbox().pending(&kept.sink, kept.cursor);
    pending.map(|delivery| (delivery.transition.topic(), name(&delivery.transition.subject))).collect()
}

fn topics(world: &World) -> Vec<&'static str> {
    told(world).into_iter().map(|(topic, _)| topic.name()).collect()
}

fn all_told(world: &World) -> Command {
    let outbox = world.state.outbox();
    let through = Key::first_of(world.state.revision() + 1);
    let sink = "all".to_owned();
    let revision = outbox.revision();
    Command::Notified(vec![Progress { sink, revision, through, delivered: 9, dead: 0, dead_letter: None }])
}

fn cordon(world: &mut World, on: bool) {
    world.apply(Command::Cordon { machine: "m0".to_owned(), on, by: by() });
}

#[test]
fn without_a_sink_nothing_is_noted() {
    let mut world = fleet();
    cordon(&mut world, true);
    assert!(world.state.outbox().is_empty() && world.state.outbox().is_idle());
}

#[test]
fn what_changes_nothing_is_not_told() {
    let mut world = fleet();
    set(&mut world, SINKS);
    [true, true, false, false].into_iter().for_each(|on| cordon(&mut world, on));
    assert_eq!(topics(&world), ["machine.cordoned", "machine.uncordoned"]);
}

#[test]
fn the_way_of_a_machine_is_told_in_order_and_a_slot_is_no_machine() {
    let mut world = fleet();
    set(&mut world, SINKS);
    world.show(&[seen("m3", State::Speculative), seen("m4", State::Idle)]);
    world.show(&[seen("m4", State::Failed)]);
    let gone = ["m3", "m4"].map(str::to_owned).to_vec();
    world.force(&Listing { gone, ..listing(world.state.revision(), &[]) });
    assert_eq!(topics(&world), ["machine.found", "machine.state", "machine.gone"]);
    assert!(told(&world).iter().all(|(_, machine)| machine == "m4"));
}

#[test]
fn slots_that_are_held_back_and_offered_again_are_not_told_and_a_host_that_fails_is() {
    let mut world = fleet();
    set(&mut world, SINKS);
    let slot = |id: &str, state: State| {
        let mut slot = seen(id, state);
        slot.machine.host = None;
        slot
    };
    for state in [State::Speculative, State::Failed, State::Speculative, State::Failed] {
        world.show(&[slot("s0", state)]);
    }
    world.show(&[slot("s1", State::Failed)]);
    let gone = ["s0", "s1"].map(str::to_owned).to_vec();
    world.force(&Listing { gone, ..listing(world.state.revision(), &[]) });
    assert_eq!(told(&world), []);
    world.show(&[seen("m0", State::Failed)]);
    world.show(&[slot("m0", State::Speculative)]);
    assert_eq!(topics(&world), ["machine.state", "machine.state"], "a host that failed, and was lost");
}

#[test]
fn a_verdict_is_told_when_it_becomes_another_and_not_when_its_evidence_grows() {
    let mut world = fleet();
    set(&mut world, SINKS);
    let update = |base: u64, health: &str, reason: &str, unfit: bool| {
        let (health, reason) = (health.to_owned(), reason.to_owned());
        let verdict = HealthVerdict { health, reason, unfit, ..HealthVerdict::default() };
        Command::Health(vec![HealthUpdate { machine: "m0".to_owned(), base, record: vec![1], verdict }])
    };
    world.apply(update(0, "healthy", "", false));
    world.apply(update(1, "unhealthy", "XID 79", true));
    world.apply(update(2, "unhealthy", "XID 79 twice", true));
    world.apply(update(3, "healthy", "", false));
    assert_eq!(topics(&world), ["machine.verdict", "machine.verdict"]);
}

#[test]
fn a_pool_is_told_to_be_below_its_minimum_once_and_to_have_it_again_once() {
    let mut world = fleet();
    set(&mut world, SINKS);
    let specification = Box::new(PoolFile::parse("pools", POOL).expect("sound").pools.remove(0));
    world.apply(Command::SetPool { specification, by: by() });
    assert_eq!(topics(&world), ["pool.sized", "pool.below_min"]);
    cycle(&mut world);
    let of_pool =
        |world: &World| topics(world).into_iter().filter(|topic| topic.starts_with("pool.")).collect::<Vec<_>>();
    assert_eq!(of_pool(&world), ["pool.sized", "pool.below_min", "pool.at_min"]);
    let serving = world.state.fleet().iter().find(|(_, machine)| machine.state == State::Configured);
    let machine = world.state.fleet().id(serving.expect("two serve").0).to_owned();
    world.apply(Command::SetUnhealthy { machine, on: true, by: by() });
    assert_eq!(of_pool(&world).last(), Some(&"pool.below_min"));
}

#[test]
fn whoever_is_new_is_told_which_pools_lack_machines() {
    let mut world = fleet();
    let specification = Box::new(PoolFile::parse("pools", POOL).expect("sound").pools.remove(0));
    world.apply(Command::SetPool { specification, by: by() });
    set(&mut world, SINKS);
    assert_eq!(topics(&world), ["pool.below_min"]);
}

#[test]
fn only_the_leader_of_the_term_says_what_has_been_told() {
    let mut world = fleet();
    set(&mut world, SINKS);
    cordon(&mut world, true);
    let command = all_told(&world);
    assert!(matches!(world.apply_as(0, command.clone()), Response::Rejected(Rejection::StaleTerm { .. })));
    assert_eq!(topics(&world), ["machine.cordoned"]);
    assert_eq!(world.apply(command), Response::Done);
    assert_eq!((topics(&world).len(), world.state.outbox().len()), (0, 0));
    assert_eq!(world.state.outbox().sink("all").expect("it is there").counts.delivered, 9);
}

#[test]
fn a_restored_replica_owes_what_the_others_owe() {
    let mut world = fleet();
    set(&mut world, SINKS);
    cordon(&mut world, true);
    let mut bytes = Vec::new();
    world.state.write_snapshot(&mut bytes).expect("memory takes everything");
    let restored = ShardState::read_snapshot(&mut bytes.as_slice()).expect("it reads back");
    assert_eq!(restored.outbox(), world.state.outbox());
    assert_eq!(restored.state_hash(), world.state.state_hash());
}

#[test]
fn sinks_that_make_no_sense_are_refused_by_every_replica() {
    let mut world = fleet();
    let mut file = SinkFile::parse("sinks", SINKS).expect("sound");
    file.sinks[0].url = "ftp://ops.example/".to_owned();
    let refused = world.apply(Command::SetSinks { file: Box::new(file), by: By::default() });
    assert!(matches!(refused, Response::Rejected(Rejection::Sinks { .. })), "{refused:?}");
}
