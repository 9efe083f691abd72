//! A restored state is the state that was written, and goes on as it would have.

use argosy_model::{Duration, State};
use argosy_shard::{Outcome, Refusal, ShardState, SnapshotError};

use crate::world::{World, bound, row, seen};

fn busy() -> World {
    let mut world = World::new();
    let fleet: Vec<_> = (0..20).map(|n| seen(&format!("m{n}"), State::Idle)).collect();
    world.show(&fleet);
    world.show(&[bound("b", State::Configured, "d"), seen("slot", State::Speculative), seen("f", State::Failed)]);
    world.ask("c", &[row(3, 8_000), row(2, 4_000)]);
    world.ask("d", &[]);
    let need = world.need("c");
    world.plan(vec![world.bootstrap("m0", &need), world.bootstrap("m1", &need), world.reclaim("b")]);
    let id = world.decide(world.provision("slot", &need));
    world.refuse(id, Refusal::StockOut);
    let mut gone = crate::world::listing(world.state.revision(), &[]);
    gone.gone = vec!["m7".to_owned()];
    world.force(&gone);
    world
}

fn written(state: &ShardState) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.write_snapshot(&mut bytes).expect("memory takes everything");
    bytes
}

fn restored(bytes: &[u8]) -> Result<ShardState, SnapshotError> {
    ShardState::read_snapshot(&mut &bytes[..])
}

#[test]
fn a_restored_state_has_the_same_hash_and_writes_the_same_bytes() {
    let world = busy();
    let bytes = written(&world.state);
    let copy = restored(&bytes).expect("sound");
    assert_eq!(copy.state_hash(), world.state.state_hash());
    assert_eq!(written(&copy), bytes);
}

#[test]
fn a_restored_state_goes_on_as_the_original() {
    let mut world = busy();
    let mut copy = World::around(restored(&written(&world.state)).expect("sound"), world.at);
    for world in [&mut world, &mut copy] {
        world.show(&[seen("new", State::Idle), bound("m0", State::Configured, "c")]);
        world.pass(Duration::from_secs(30));
        let ids: Vec<_> = world.state.ledger().iter().map(|operation| operation.id).collect();
        world.report(ids[0], Outcome::Unknown { text: String::new() });
        world.ask("c", &[row(3, 9_000)]);
    }
    assert_eq!(copy.state.state_hash(), world.state.state_hash());
    assert_eq!(copy.ix("new"), world.ix("new"), "free slots are given out alike");
}

#[test]
fn a_change_of_anything_changes_the_hash() {
    let world = busy();
    let before = world.state.state_hash();
    let mut later = World::around(world.state.clone(), world.at);
    later.pass(Duration(0));
    assert_ne!(later.state.state_hash(), before, "the revision is part of the state");
    assert_eq!(world.state.state_hash(), before, "a clone does not see what came later");
}

#[test]
fn every_damaged_byte_is_found() {
    let bytes = written(&busy().state);
    for at in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(restored(&damaged).is_err(), "byte {at}");
    }
    for length in (0..bytes.len()).step_by(13) {
        assert!(restored(&bytes[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn another_format_is_refused_by_name() {
    let mut bytes = written(&World::new().state);
    bytes[7] = 9;
    assert!(matches!(restored(&bytes), Err(SnapshotError::UnknownFormat { found: 9, known: 3 })));
}

#[test]
fn a_state_before_its_genesis_can_be_written_too() {
    let copy = restored(&written(&ShardState::new())).expect("sound");
    assert!(!copy.has_begun());
    assert_eq!(copy.state_hash(), ShardState::new().state_hash());
}

#[test]
fn a_state_may_be_read_on_any_thread_while_the_fold_goes_on() {
    fn shareable<T: Clone + Send + Sync + 'static>() {}
    shareable::<ShardState>();
}
