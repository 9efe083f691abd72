//! A pool is demand: what is said of it, and what its policy decides, is the shard's demand in the same entry.

use argosy_model::{Duration, ShardTime, State};
use argosy_pool::policy::{Policy, Queue, Reason};
use argosy_pool::{Decision, PoolFile, Specification};
use argosy_shard::{By, Command, PlanEntry, Pool, Rejection, Response, ShardState};

use crate::world::{World, bound, seen};

fn specification(name: &str, min: u32, max: u32) -> Specification {
    let text = format!(
        "version: 1\npools:\n  - {{name: {name}, min: {min}, max: {max}, machine: {{resources: {{cpu: \"8\"}}}}, \
         autoscaler: {{queue: {{jobs_per_machine: 1}}}}}}\n"
    );
    PoolFile::parse("test.yaml", &text).expect("sound").pools.remove(0)
}

fn set(world: &mut World, specification: Specification) -> Response {
    world.apply(Command::SetPool { specification: Box::new(specification), by: By::default() })
}

fn size(world: &mut World, pool: &str, target: u32) -> Response {
    let specified_at = world.state.pool(pool).expect("it is there").specified_at;
    let decision = Decision { target, wanted: target, reason: Reason::Jobs { waiting: 1, per_machine: 1 }, held: None };
    world.apply(Command::SizePool { pool: pool.to_owned(), specified_at, decision })
}

/// Decides, folds the plan in and carries all of it out.
pub(crate) fn cycle(world: &mut World) {
    let decision = argosy_engine::decide(&world.state.view(world.at));
    let plan = world.state.rehearse(decision.plan, world.at).plan;
    let based_on = world.state.revision();
    world.apply(Command::Plan(PlanEntry { based_on, units: plan.units, marks: plan.marks }));
    let machines: Vec<_> = world.state.fleet().iter().map(|(ix, machine)| (ix, *machine)).collect();
    for (ix, machine) in machines {
        let id = world.state.fleet().id(ix).to_owned();
        let claimant = machine.claim.map(|claim| world.state.fleet().words.cluster_id(claim.cluster).to_owned());
        match machine.state {
            State::Configuring => world.show(&[bound(&id, State::Configured, &claimant.expect("it joins somebody"))]),
            State::Draining => world.show(&[seen(&id, State::Idle)]),
            _ => {}
        }
    }
}

fn held(world: &World, pool: &str) -> usize {
    let claimant = world.state.fleet().words.find_cluster(&Pool::claimant(pool)).expect("it claims");
    let holds = |claimed: argosy_model::ClusterIx| claimed == claimant;
    let machines = world.state.fleet().iter();
    machines.filter(|(_, m)| m.state == State::Configured && m.cluster().is_some_and(holds)).count()
}

fn begun() -> World {
    let mut world = World::new();
    world.show(&(0..12).map(|n| seen(&format!("m{n}"), State::Idle)).collect::<Vec<_>>());
    world
}

#[test]
fn a_pool_gets_its_minimum_and_follows_its_target_up_and_down() {
    let mut world = begun();
    assert_eq!(set(&mut world, specification("train", 2, 10)), Response::Done);
    let standing = world.state.pool("train").expect("there").standing;
    assert_eq!((standing.target, standing.raised_at), (2, None), "a new pool has not moved, so it does not rest");
    cycle(&mut world);
    assert_eq!(held(&world, "train"), 2);
    assert_eq!(size(&mut world, "train", 7), Response::Done);
    cycle(&mut world);
    assert_eq!(held(&world, "train"), 7);
    size(&mut world, "train", 3);
    for _ in 0..200 {
        world.pass(Duration::from_secs(60));
        cycle(&mut world);
    }
    assert_eq!(held(&world, "train"), 3, "given back as the reclaim cap allows");
}

#[test]
fn an_unhealthy_machine_of_a_pool_is_replaced_by_the_ordinary_phases() {
    let mut world = begun();
    set(&mut world, specification("train", 2, 10));
    cycle(&mut world);
    let (ix, _) = world.state.fleet().iter().find(|(_, m)| m.state == State::Configured).expect("one");
    let machine = world.state.fleet().id(ix).to_owned();
    world.apply(Command::SetUnhealthy { machine, on: true, by: By::default() });
    for _ in 0..3 {
        world.pass(Duration::from_secs(60));
        cycle(&mut world);
    }
    let well = world.state.fleet().iter().filter(|(_, m)| m.state == State::Configured && m.is_cover()).count();
    assert_eq!(well, 2);
}

#[test]
fn a_pool_that_shrinks_gives_back_what_is_closed_or_unwell_first() {
    type Mark = fn(&mut World, String);
    let cordon: Mark = |world, machine| drop(world.apply(Command::Cordon { machine, on: true, by: By::default() }));
    let unwell: Mark =
        |world, machine| drop(world.apply(Command::SetUnhealthy { machine, on: true, by: By::default() }));
    for mark in [cordon, unwell] {
        for nth in 0..4 {
            let mut world = begun();
            set(&mut world, specification("train", 4, 10));
            cycle(&mut world);
            let serving = |world: &World| -> Vec<String> {
                let bound = world.state.fleet().iter().filter(|(_, m)| m.state == State::Configured);
                bound.map(|(ix, _)| world.state.fleet().id(ix).to_owned()).collect()
            };
            let before = serving(&world);
            mark(&mut world, before[nth].clone());
            world.apply(Command::SetPool { specification: Box::new(specification("train", 3, 10)), by: By::default() });
            size(&mut world, "train", 3);
            for _ in 0..30 {
                world.pass(Duration::from_secs(60));
                cycle(&mut world);
            }
            let stay: Vec<String> = before.iter().filter(|id| **id != before[nth]).cloned().collect();
            assert_eq!(serving(&world), stay, "{} was to go", before[nth]);
        }
    }
}

#[test]
fn what_was_read_of_a_shard_never_changes_whatever_comes_after() {
    let mut world = begun();
    set(&mut world, specification("train", 6, 10));
    cycle(&mut world);
    let read = world.state.clone();
    let listed = |state: &ShardState| -> Vec<(String, argosy_model::Machine)> {
        state.fleet().iter().map(|(ix, machine)| (state.fleet().id(ix).to_owned(), *machine)).collect()
    };
    let (hash, list) = (read.state_hash(), listed(&read));
    for (id, _) in &list {
        world.apply(Command::Cordon { machine: id.clone(), on: true, by: By::default() });
        world.show(&[seen(id, State::Failed)]);
    }
    size(&mut world, "train", 10);
    cycle(&mut world);
    assert_ne!(world.state.state_hash(), hash, "much has happened");
    assert_eq!((read.state_hash(), listed(&read)), (hash, list));
}

#[test]
fn a_pool_that_is_removed_gives_its_machines_back() {
    let mut world = begun();
    set(&mut world, specification("train", 2, 10));
    cycle(&mut world);
    world.apply(Command::RemovePool { pool: "train".to_owned(), by: By::default() });
    for _ in 0..200 {
        world.pass(Duration::from_secs(60));
        cycle(&mut world);
    }
    assert_eq!((held(&world, "train"), world.state.pools().len()), (0, 0));
}

#[test]
fn a_decision_by_an_older_specification_changes_nothing() {
    let mut world = begun();
    set(&mut world, specification("train", 2, 10));
    let old = world.state.pool("train").expect("there").specified_at;
    set(&mut world, specification("train", 2, 5));
    let decision = Decision { target: 9, wanted: 9, reason: Reason::Fixed, held: None };
    let before = world.state.pool("train").cloned();
    let response = world.apply(Command::SizePool { pool: "train".to_owned(), specified_at: old, decision });
    assert!(matches!(response, Response::Rejected(Rejection::Pool { .. })), "{response:?}");
    let response = size(&mut world, "train", 6);
    assert!(matches!(response, Response::Rejected(Rejection::Pool { .. })), "beyond its bounds: {response:?}");
    assert_eq!(world.state.pool("train").cloned(), before);
}

#[test]
fn a_decision_of_an_older_leader_changes_nothing() {
    let mut world = begun();
    set(&mut world, specification("train", 2, 10));
    let specified_at = world.state.pool("train").expect("there").specified_at;
    world.term = 2;
    world.apply(Command::LeaderStarted);
    let decision = Decision { target: 9, wanted: 9, reason: Reason::Fixed, held: None };
    let response = world.apply_as(1, Command::SizePool { pool: "train".to_owned(), specified_at, decision });
    assert!(matches!(response, Response::Rejected(Rejection::StaleTerm { .. })), "{response:?}");
}

#[test]
fn a_pool_specified_anew_keeps_what_its_policy_has_found() {
    let mut world = begun();
    set(&mut world, specification("train", 2, 10));
    size(&mut world, "train", 8);
    world.at = ShardTime(5_000);
    let mut tighter = specification("train", 2, 6);
    tighter.autoscaler = Some(Policy::Queue(Queue { jobs_per_machine: 3 }));
    set(&mut world, tighter);
    let standing = world.state.pool("train").expect("there").standing;
    assert_eq!((standing.target, standing.lowered_at), (6, Some(ShardTime(5_000))));
    let mut fixed = specification("train", 2, 6);
    (fixed.autoscaler, fixed.replicas) = (None, Some(3));
    set(&mut world, fixed);
    assert_eq!(world.state.pool("train").expect("there").standing.target, 3, "a fixed size is a person's word");
}

#[test]
fn no_cluster_can_report_for_a_pool() {
    let mut world = begun();
    set(&mut world, specification("train", 2, 10));
    let response = world.ask("pool/train", &[]).expect("it differs");
    assert!(matches!(response, Response::Rejected(Rejection::RollUp { .. })), "{response:?}");
    assert_eq!(world.need("pool/train").key.fold, 0, "its demand is as it was");
}

#[test]
fn what_makes_no_sense_is_refused_and_unknown_pools_have_a_code_of_their_own() {
    let mut world = begun();
    let mut wrong = specification("train", 2, 10);
    wrong.min = 11;
    let response = set(&mut world, wrong);
    assert!(matches!(response, Response::Rejected(Rejection::Pool { .. })), "{response:?}");
    let response = world.apply(Command::RemovePool { pool: "nobody".to_owned(), by: By::default() });
    assert_eq!(response, Response::Rejected(Rejection::UnknownPool { pool: "nobody".to_owned() }));
}

#[test]
fn a_snapshot_keeps_pools_with_their_standing_and_reasons() {
    let mut world = begun();
    set(&mut world, specification("train", 2, 10));
    set(&mut world, specification("serve", 1, 3));
    size(&mut world, "train", 5);
    let mut bytes = Vec::new();
    world.state.write_snapshot(&mut bytes).expect("memory takes everything");
    let copy = ShardState::read_snapshot(&mut &bytes[..]).expect("sound");
    assert_eq!(copy.state_hash(), world.state.state_hash());
    assert_eq!(copy.pools().collect::<Vec<_>>(), world.state.pools().collect::<Vec<_>>());
}
