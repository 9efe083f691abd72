//! Nothing that input can reach may panic, halt the shard, or be taken differently by two replicas.

use argosy_model::{ShardTime, State};
use argosy_shard::{
    Command, Envelope, Observe, ObservedMachine, Outcome, PlanEntry, Refusal, Report, Response, ShardState,
};
use proptest::prelude::*;

use crate::world::{World, bound, by, row, seen, shape};

fn busy() -> World {
    let mut world = World::new().adopting_in_transit();
    world.show(&[seen("idle", State::Idle), seen("slot", State::Speculative), bound("b", State::Configured, "d")]);
    world.ask("c", &[row(3, 8_000), row(2, 4_000)]);
    world.ask("d", &[]);
    let need = world.need("c");
    world.plan(vec![world.bootstrap("idle", &need), world.reclaim("b")]);
    world
}

/// Entries of every kind, to be mangled.
fn entries(world: &World) -> Vec<Vec<u8>> {
    let need = world.need("c");
    let plan = PlanEntry {
        based_on: 1,
        units: vec![world.provision("slot", &need)],
        marks: vec![(need.key, Default::default())],
    };
    let operations: Vec<_> = world.state.ledger().iter().map(|operation| operation.id).collect();
    let report = |outcome| Report { operation: operations[0], attempt: 1, outcome };
    let refused = Outcome::Refused { refusal: Refusal::StockOut, text: "none".to_owned() };
    let shown = Outcome::Seen(Box::new(bound("idle", State::Configured, "c")));
    let mut machine = ObservedMachine::new("b", State::Idle);
    machine.host = Some("h".to_owned());
    let observe = Observe {
        provider: "sim".to_owned(),
        asked_at: 99,
        shapes: vec![shape()],
        machines: vec![(0, machine)],
        gone: vec!["idle".to_owned()],
        unreadable: 0,
    };
    let roll_up = world.state.diff_rollup("c", &[row(9, 1)]).expect("changed");
    let commands = [
        Command::Plan(plan),
        Command::Outcomes(vec![report(refused), report(shown)]),
        Command::Retry(operations.clone()),
        Command::Observe(observe),
        roll_up,
        Command::Cordon { machine: "b".to_owned(), on: true, by: by() },
        Command::SetSettings { settings: Box::default(), by: by() },
    ];
    let at = ShardTime(1_000);
    commands.map(|command| Envelope { at, proposed_in_term: 1, command }.encode()).to_vec()
}

fn is_well(state: &ShardState) {
    assert_eq!(state.halted(), None);
    for operation in state.ledger().iter() {
        assert_eq!(state.fleet().machine(operation.machine).state, operation.step.doing());
    }
    let mut bytes = Vec::new();
    state.write_snapshot(&mut bytes).expect("memory takes everything");
    let copy = ShardState::read_snapshot(&mut bytes.as_slice()).expect("whatever was folded in can be restored");
    assert_eq!(copy.state_hash(), state.state_hash());
}

#[test]
fn a_rejected_entry_still_counts_so_that_replicas_agree_on_their_index() {
    let mut world = World::new();
    let before = world.state.revision();
    assert!(matches!(world.apply_bytes(vec![77]), Response::Rejected(rejection) if rejection.code() == "ARG-0402"));
    assert_eq!((world.state.revision(), world.state.counters().rejected), (before + 1, 1));
    let applied = world.state.clone().apply(1, 1, &[]);
    assert!(matches!(applied.response, Response::Rejected(rejection) if rejection.code() == "ARG-0409"));
}

#[test]
fn a_shard_begins_once_and_nothing_comes_before() {
    let tick = Envelope { at: ShardTime(0), proposed_in_term: 1, command: Command::Tick }.encode();
    let applied = ShardState::new().apply(1, 1, &tick);
    assert!(matches!(applied.response, Response::Rejected(rejection) if rejection.code() == "ARG-0403"));
    let mut world = World::new();
    let again = world.apply(Command::Genesis(argosy_shard::Genesis::default()));
    assert!(matches!(again, Response::Rejected(rejection) if rejection.code() == "ARG-0404"));
}

#[test]
fn time_never_runs_backwards_and_a_jump_to_its_end_breaks_nothing() {
    let mut world = busy();
    world.at = ShardTime(u64::MAX);
    world.apply(Command::Tick);
    world.at = ShardTime(0);
    world.apply(Command::Tick);
    assert_eq!(world.state.now(), ShardTime(u64::MAX));
    is_well(&world.state);
}

#[test]
fn a_shard_with_a_state_of_a_later_release_stops_instead_of_guessing() {
    let mut state = busy().state;
    let entry = Envelope { at: ShardTime(0), proposed_in_term: 1, command: Command::RaiseStateVersion { to: 999 } };
    let index = state.revision() + 1;
    state.apply(index, 1, &entry.encode());
    assert_eq!(state.halted().map(|halt| halt.code.as_str()), Some("ARG-0432"));
    let tick = Envelope { at: ShardTime(0), proposed_in_term: 1, command: Command::Tick }.encode();
    let applied = state.apply(index + 1, 1, &tick);
    assert!(matches!(applied.response, Response::Rejected(rejection) if rejection.code() == "ARG-0406"));
    let resume = Envelope { at: ShardTime(0), proposed_in_term: 1, command: Command::Resume { by: by() } }.encode();
    state.apply(index + 2, 1, &resume);
    assert!(state.halted().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn garbage_changes_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut world = busy();
        let framed = std::iter::once(1).chain(bytes.iter().copied()).collect();
        world.apply_bytes(bytes);
        world.apply_bytes(framed);
        is_well(&world.state);
    }

    #[test]
    fn a_mangled_entry_is_rejected_or_folded_in_but_never_harms(
        which in 0usize..7,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut world = busy();
        let mut bytes = entries(&world)[which].clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let mut twin = world.state.clone();
        let index = world.state.revision() + 1;
        let here = world.state.apply(index, 1, &bytes);
        prop_assert_eq!(here, twin.apply(index, 1, &bytes));
        prop_assert_eq!(world.state.state_hash(), twin.state_hash());
        is_well(&world.state);
        world.pass(argosy_model::Duration::from_secs(100_000));
        is_well(&world.state);
    }
}
