//! What is read of a shard: by an operator that connects, by whoever checks that nothing was lost.

use argosy_model::State;
use argosy_shard::Command;

use crate::world::{World, bound, by, row, seen};

#[test]
fn an_operator_that_connects_is_told_of_all_it_holds_and_of_nothing_else() {
    let mut world = World::new();
    world.show(&[
        seen("free", State::Idle),
        bound("serving", State::Configured, "c"),
        bound("lost", State::Configured, "c"),
        bound("other", State::Configured, "d"),
    ]);
    world.show(&[bound("lost", State::Failed, "c")]);
    world.ask("c", &[row(1, 64_000)]);
    let need = world.need("c");
    world.decide(world.bootstrap("free", &need));
    let told = |cluster: &str| {
        let mut ids: Vec<String> =
            world.state.replay_for(cluster).into_iter().map(|ix| world.state.fleet().id(ix).to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(told("c"), ["free", "lost", "serving"], "what joins it counts, and what it has lost");
    assert_eq!((told("d"), told("nobody")), (vec!["other".to_owned()], vec![]));
}

#[test]
fn every_plan_that_is_taken_leaves_a_mark_and_an_audited_act_moves_the_head_of_the_chain() {
    let mut world = World::new();
    world.show(&[seen("m", State::Idle)]);
    world.ask("c", &[row(1, 8_000)]);
    assert_eq!(world.state.decision_marks().count(), 0, "nothing was decided yet");
    let need = world.need("c");
    world.decide(world.bootstrap("m", &need));
    let last = world.state.decision_marks().last().expect("a plan was taken");
    assert_eq!(last, (world.state.revision(), world.state.decision_hash()));

    let (head, decided) = (world.state.audit_head(), world.state.decision_hash());
    world.apply(Command::Audit { act: "looked at the books".to_owned(), by: by() });
    assert_ne!(world.state.audit_head(), head);
    assert_eq!(world.state.decision_hash(), decided, "to look decides nothing");
}

#[test]
fn who_leads_and_what_may_be_written_are_those_of_the_log() {
    let mut world = World::new();
    assert_eq!((world.state.leader_term(), world.state.generation()), (1, 0));
    assert_eq!((world.state.shard(), world.state.ownership().shard.as_str()), ("s0", "s0"));
    world.term = 2;
    world.apply(Command::LeaderStarted);
    world.apply(Command::RaiseGeneration { generation: 3, by: by() });
    assert_eq!((world.state.leader_term(), world.state.generation()), (2, 3));
    let version = world.state.state_version();
    world.apply(Command::RaiseStateVersion { to: version });
    assert_eq!(world.state.state_version(), version, "it is never lowered, and it was there already");
}
