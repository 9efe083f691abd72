//! The fold as a whole: what it does when it trips, and who holds what.

mod holders;

use argosy_model::{MachineIx, ShardTime};

use super::*;
use crate::command::{By, Genesis};
use crate::cooling::CoolDown;

fn entry(command: Command) -> Vec<u8> {
    Envelope { at: ShardTime(7), proposed_in_term: 1, command }.encode()
}

/// A shard whose state is broken: a timer runs for a machine that does not exist.
fn broken() -> ShardState {
    let mut state = ShardState::new();
    let genesis = Genesis { shard: "s".to_owned(), shards: vec!["s".to_owned()], ..Genesis::default() };
    state.apply(1, 1, &entry(Command::Genesis(genesis)));
    let nobody = MachineIx::from_index(5);
    state.cooling.set(nobody, CoolDown { strikes: 1, until: Some(ShardTime(9)) });
    state
}

#[test]
fn an_assertion_that_trips_halts_the_shard_with_its_evidence_and_changes_nothing_else() {
    let mut state = broken();
    let (before, fatal) = (state.clone(), Envelope { at: ShardTime(9), ..tick() }.encode());
    let applied = state.apply(2, 1, &fatal);
    assert_eq!(
        (applied.response, applied.events),
        (Response::Rejected(Rejection::Halted { since: 2 }), vec![Event::Halted],)
    );
    let halt = state.halted().expect("halted").clone();
    assert_eq!((halt.index, halt.code.as_str()), (2, "ARG-0431"));
    assert!(halt.evidence.contains("an indexed machine exists"), "{}", halt.evidence);
    assert_eq!((state.now, state.cooling.next_deadline()), (before.now, before.next_deadline()));
    assert_eq!(state.next_deadline(), None, "no tick is proposed to a halted shard");
    let mut twin = before;
    twin.apply(2, 1, &fatal);
    assert_eq!(twin.state_hash(), state.state_hash(), "every replica halts alike");
    let ignored = state.apply(3, 1, &entry(Command::Tick));
    assert_eq!(ignored.response, Response::Rejected(Rejection::Halted { since: 2 }));
}

#[test]
fn an_admin_can_let_a_halted_shard_go_on() {
    let mut state = broken();
    state.apply(2, 1, &Envelope { at: ShardTime(9), ..tick() }.encode());
    state.cooling = crate::cooling::Cooling::default();
    let resumed = state.apply(3, 1, &entry(Command::Resume { by: By::default() }));
    assert_eq!((resumed.response, state.halted()), (Response::Done, None));
}

fn tick() -> Envelope {
    Envelope { at: ShardTime(7), proposed_in_term: 1, command: Command::Tick }
}
