//! A plan is taken unit by unit, each whole or not at all, and never past a rail.

use argosy_engine::{ActionKind, Plan, Reason, Unit};
use argosy_model::{Duration, NeedKey, Operator, State};
use argosy_shard::{
    Command, DropReason, Event, NeedRow, PlanEntry, Refusal, Rejection, RequirementRow, Response, Settings,
};

use crate::world::{World, bound, by, row, seen};

const ZONE: &str = "topology.kubernetes.io/zone";

fn idle_and_slot() -> World {
    let mut world = World::new();
    world.show(&[seen("idle", State::Idle), seen("slot", State::Speculative)]);
    world.ask("c", &[row(100, 16_000)]);
    world
}

fn entry(world: &World, units: Vec<Unit>) -> Command {
    Command::Plan(PlanEntry { based_on: world.state.revision(), units, marks: vec![] })
}

#[test]
fn a_plan_becomes_operations_and_its_machines_move_at_once() {
    let mut world = idle_and_slot();
    let need = world.need("c");
    let taken = world.plan(vec![world.bootstrap("idle", &need), world.provision("slot", &need)]);
    assert_eq!((taken.opened, taken.taken), (2, 2));
    assert_eq!((world.state_of("idle"), world.state_of("slot")), (State::Configuring, State::Creating));
    let claim = world.machine("slot").claim.expect("claimed while it is created");
    assert_eq!((claim.cluster, claim.profile), (need.key.cluster, Some(need.key.profile)));
    assert_eq!(world.machine("idle").assigned_priority, 100);
    let operations: Vec<_> = world.state.ledger().iter().map(|op| (op.id.ordinal, op.attempt.number)).collect();
    assert_eq!(operations, [(0, 1), (1, 1)]);
    let fence = world.state.ledger().iter().next().expect("open").attempt.fence;
    assert_eq!((fence.epoch, fence.sequence), (1, world.state.revision()));
}

#[test]
fn a_unit_is_taken_whole_or_not_at_all() {
    let mut world = idle_and_slot();
    let need = world.need("c");
    let mut unit = world.bootstrap("idle", &need);
    unit.actions.push(world.provision("slot", &need).actions.remove(0));
    unit.actions[1].version += 1;
    let (hash, before) = (world.state.decision_hash(), (world.machine("idle"), world.machine("slot")));
    let taken = world.plan(vec![unit]);
    assert_eq!(taken.dropped, [(0, DropReason::MachineChanged)]);
    assert_eq!((world.machine("idle"), world.machine("slot")), before);
    assert!(world.state.ledger().is_empty() && world.state.decision_hash() == hash);
}

#[test]
fn a_gang_is_not_put_together_when_those_that_it_was_to_be_whole_with_have_gone() {
    let mut world = World::new();
    world.show(&["a", "b", "c", "d"].map(|id| seen(id, State::Idle)));
    let zone = RequirementRow { key: ZONE.to_owned(), operator: Operator::Same, values: vec![] };
    let gang = NeedRow {
        requirements: vec![zone],
        group: Some("job".to_owned()),
        min_unit: vec![("cpu".to_owned(), 8_000)],
        ..row(100, 24_000)
    };
    world.ask("k", &[gang]);
    let need = world.need("k");
    let assembling = |world: &World, ids: &[&str]| Unit {
        reason: Reason::AssembleGang,
        actions: ids.iter().flat_map(|id| world.bootstrap(id, &need).actions).collect(),
        ..world.bootstrap("a", &need)
    };
    assert_eq!(
        world.plan(vec![assembling(&world, &["a", "b"])]).dropped,
        [(0, DropReason::MachineChanged)],
        "two of three"
    );
    assert_eq!(world.plan(vec![assembling(&world, &["a", "b", "c"])]).opened, 3);
    // One is refused; a plan is made that puts another in its place; then a second one is refused, too.
    let of = |world: &World, id: &str| world.state.ledger().on(world.ix(id)).expect("under way").id;
    let (b, c) = (of(&world, "b"), of(&world, "c"));
    world.refuse(c, Refusal::NoBlob);
    let plan = assembling(&world, &["d"]);
    assert_eq!(world.rehearse(vec![plan.clone()]).units.len(), 1, "two serve and one comes");
    world.refuse(b, Refusal::NoBlob);
    assert_eq!(world.plan(vec![plan]).dropped, [(0, DropReason::MachineChanged)]);
}

#[test]
fn a_unit_that_is_dropped_takes_no_other_with_it() {
    let mut world = idle_and_slot();
    let need = world.need("c");
    let mut stale = world.bootstrap("idle", &need);
    stale.needs[0].1 += 1;
    let taken = world.plan(vec![stale, world.provision("slot", &need)]);
    assert_eq!(taken.dropped, [(0, DropReason::NeedChanged)]);
    assert_eq!((taken.opened, world.state_of("slot"), world.state_of("idle")), (1, State::Creating, State::Idle));
}

#[test]
fn a_machine_is_never_bound_twice() {
    let mut world = idle_and_slot();
    let need = world.need("c");
    let unit = world.bootstrap("idle", &need);
    let mut twice = unit.clone();
    twice.actions.push(unit.actions[0].clone());
    assert_eq!(world.plan(vec![twice]).dropped, [(0, DropReason::Illegal)]);
    let taken = world.plan(vec![unit.clone(), unit.clone()]);
    assert_eq!((taken.opened, taken.dropped), (1, vec![(1, DropReason::Busy)]));
    let mut current = unit;
    current.actions[0].version = world.machine("idle").version;
    assert_eq!(world.plan(vec![current]).dropped, [(0, DropReason::Busy)]);
}

#[test]
fn settings_that_another_term_has_read_are_refused() {
    let mut world = World::new();
    let change = |settings: Settings| Command::SetSettings { settings: Box::new(settings), by: by() };
    let mut settings = world.state.settings().clone();
    settings.policy.dry_run = true;
    world.term = 3;
    let refused = world.apply_as(1, change(settings.clone()));
    assert_eq!(refused, Response::Rejected(Rejection::StaleTerm { proposed: 1, term: 3 }));
    assert!(!world.state.settings().policy.dry_run);
    assert_eq!(world.apply_as(3, change(settings)), Response::Done);
    assert!(world.state.settings().policy.dry_run);
}

#[test]
fn a_plan_of_an_older_term_is_refused() {
    let mut world = idle_and_slot();
    let need = world.need("c");
    let unit = world.bootstrap("idle", &need);
    world.term = 2;
    let refused = world.apply_as(1, entry(&world, vec![unit.clone()]));
    assert_eq!(refused, Response::Rejected(Rejection::StaleTerm { proposed: 1, term: 2 }));
    let early = world.apply_as(2, entry(&world, vec![unit.clone()]));
    assert_eq!(early, Response::Rejected(Rejection::LeaderNotStarted { term: 2 }));
    assert_eq!(world.state_of("idle"), State::Idle);
    world.apply(Command::LeaderStarted);
    assert!(matches!(world.apply_as(2, entry(&world, vec![unit])), Response::Plan(taken) if taken.opened == 1));
}

#[test]
fn a_plan_from_a_state_that_does_not_exist_is_refused() {
    let mut world = idle_and_slot();
    let revision = world.state.revision();
    let plan = PlanEntry { based_on: revision + 1, units: vec![], marks: vec![] };
    let refused = world.apply(Command::Plan(plan));
    assert_eq!(refused, Response::Rejected(Rejection::FuturePlan { based_on: revision + 1, revision }));
}

#[test]
fn a_claim_on_words_that_were_never_spoken_is_illegal() {
    let mut world = idle_and_slot();
    let need = world.need("c");
    let unknown = argosy_model::ClusterIx::from_index(99);
    let mut unit = world.bootstrap("idle", &need);
    unit.needs.clear();
    let mut assignment = world.assignment(need.key);
    assignment.claim.cluster = unknown;
    unit.actions[0].kind = ActionKind::Bootstrap(assignment);
    assert_eq!(world.plan(vec![unit.clone()]).dropped, [(0, DropReason::Illegal)]);
    unit.needs = vec![(NeedKey { cluster: unknown, ..need.key }, 0)];
    assert_eq!(world.plan(vec![unit]).dropped, [(0, DropReason::NeedChanged)]);
}

#[test]
fn what_is_cordoned_is_not_bound() {
    let mut world = idle_and_slot();
    let need = world.need("c");
    world.apply(Command::Cordon { machine: "idle".to_owned(), on: true, by: by() });
    assert!(world.events.iter().any(|event| matches!(event, Event::Audited(_))));
    assert_eq!(world.plan(vec![world.bootstrap("idle", &need)]).dropped, [(0, DropReason::Unusable)]);
    world.apply(Command::Cordon { machine: "idle".to_owned(), on: false, by: by() });
    assert_eq!(world.plan(vec![world.bootstrap("idle", &need)]).taken, 1);
}

fn forty_bound(settings: Settings) -> World {
    let mut world = World::with(settings);
    let machines: Vec<_> = (0..40).map(|n| bound(&format!("m{n}"), State::Configured, "c")).collect();
    world.show(&machines);
    world
}

#[test]
fn nothing_is_reclaimed_from_a_cluster_that_has_not_reported() {
    let mut world = forty_bound(Settings::default());
    assert_eq!(world.plan(vec![world.reclaim("m0")]).dropped, [(0, DropReason::NotHeard)]);
    world.ask("another", &[]);
    assert_eq!(world.plan(vec![world.reclaim("m0")]).dropped, [(0, DropReason::NotHeard)]);
    world.ask("c", &[]);
    assert_eq!(world.plan(vec![world.reclaim("m0")]).taken, 1);
    assert_eq!(world.state_of("m0"), State::Draining);
}

#[test]
fn a_window_reclaims_no_more_than_its_cap_however_often_the_shard_decides() {
    let mut world = forty_bound(Settings::default());
    world.ask("c", &[]);
    let units = |world: &World, ids: std::ops::Range<usize>| -> Vec<Unit> {
        ids.map(|n| world.reclaim(&format!("m{n}"))).collect()
    };
    let first = world.plan(units(&world, 0..4));
    assert_eq!((first.taken, first.dropped), (2, vec![(2, DropReason::ReclaimCap), (3, DropReason::ReclaimCap)]));
    assert_eq!(world.plan(units(&world, 2..4)).taken, 0);
    assert!(world.rehearse(units(&world, 2..4)).is_empty(), "a rail that holds does not fill the log");
    world.pass(Duration(9_999));
    assert_eq!(world.plan(units(&world, 2..4)).taken, 0);
    world.pass(Duration(1));
    assert_eq!(world.plan(units(&world, 2..6)).taken, 1, "5 % of the 38 that are left is one");
}

#[test]
fn a_gang_that_is_let_go_and_a_preemption_are_not_under_the_cap() {
    let mut world = forty_bound(Settings::default());
    world.ask("c", &[row(1, 320_000)]);
    world.ask("d", &[row(9, 8_000)]);
    let mut gang = world.reclaim("m0");
    gang.reason = Reason::DisbandGang;
    gang.actions.extend((1..9).map(|n| world.reclaim(&format!("m{n}")).actions.remove(0)));
    assert_eq!(world.plan(vec![gang]).opened, 9);
    let need = world.need("d");
    let heir = world.assignment(need.key).claim;
    let kind = ActionKind::Preempt { heir, holder: None, grace: Duration::from_secs(10), preemptor_priority: 9 };
    let actions = (9..15).map(|n| world.action(&format!("m{n}"), kind.clone())).collect();
    let unit = Unit { reason: Reason::PreemptForPriority, needs: vec![(need.key, need.version)], actions };
    assert_eq!(world.plan(vec![unit]).opened, 6);
    assert_eq!(world.machine("m9").heir, Some(heir));
    assert_ne!(world.machine("m9").cluster(), Some(heir.cluster), "it serves its holder until it is drained");
}

#[test]
fn kill_switch_and_dry_run_let_nothing_through() {
    for (kill_switch, reason) in [(true, DropReason::KillSwitch), (false, DropReason::DryRun)] {
        let mut world = idle_and_slot();
        let mut settings = Settings::default();
        (settings.policy.kill_switch, settings.policy.dry_run) = (kill_switch, true);
        world.apply(Command::SetSettings { settings: Box::new(settings), by: by() });
        let need = world.need("c");
        let unit = world.bootstrap("idle", &need);
        let dropped = world.state.rehearse(Plan { units: vec![unit.clone()], marks: vec![] }, world.at).dropped;
        assert_eq!(dropped, [(0, reason)]);
        assert_eq!(world.plan(vec![unit]).dropped, [(0, reason)]);
        assert_eq!(world.state_of("idle"), State::Idle);
    }
}

#[test]
fn a_plan_takes_no_more_actions_than_the_policy_allows() {
    let mut settings = Settings::default();
    settings.policy.max_actions = 1;
    let mut world = World::with(settings);
    world.show(&[seen("a", State::Idle), seen("b", State::Idle)]);
    world.ask("c", &[row(1, 16_000)]);
    let need = world.need("c");
    let taken = world.plan(vec![world.bootstrap("a", &need), world.bootstrap("b", &need)]);
    assert_eq!(taken.dropped, [(1, DropReason::TooMany)]);
}

#[test]
fn a_plan_that_read_a_slot_before_it_was_given_out_again_is_dropped() {
    let mut world = World::new();
    world.show(&[seen("old", State::Idle)]);
    world.ask("c", &[row(1, 8_000)]);
    let need = world.need("c");
    let (unit, based_on) = (world.bootstrap("old", &need), world.state.revision());
    let mut gone = crate::world::listing(based_on, &[]);
    gone.gone = vec!["old".to_owned()];
    let command = world.state.diff_observation(&gone).commands.remove(0);
    world.apply(command);
    world.show(&[seen("new", State::Idle)]);
    assert_eq!(world.ix("new"), unit.actions[0].machine);
    assert_eq!(world.machine("new").version, unit.actions[0].version, "the versions do not tell them apart");
    let response = world.apply(Command::Plan(PlanEntry { based_on, units: vec![unit], marks: vec![] }));
    assert!(matches!(response, Response::Plan(taken) if taken.dropped == [(0, DropReason::SlotsReused)]));
    assert_eq!(world.state_of("new"), State::Idle);
}

#[test]
fn equal_decisions_have_equal_hashes_whatever_lies_between_them() {
    let decide = |noise: u32| {
        let mut world = idle_and_slot();
        (0..noise).for_each(|_| world.pass(Duration(1)));
        let need = world.need("c");
        world.plan(vec![world.bootstrap("idle", &need), world.provision("slot", &need)]);
        world.state.decision_hash()
    };
    assert_eq!(decide(0), decide(7));
    let mut other = idle_and_slot();
    let need = other.need("c");
    other.plan(vec![other.provision("slot", &need), other.bootstrap("idle", &need)]);
    assert_ne!(other.state.decision_hash(), decide(0));
}

#[test]
fn what_is_not_elastic_is_never_released() {
    let mut world = World::new();
    let mut metal = seen("metal", State::Idle);
    metal.shape.capacity_type = argosy_model::CapacityType::BareMetal;
    world.show(&[metal, seen("cloud", State::Idle)]);
    let release = |world: &World, id: &str| Unit {
        reason: Reason::ReleaseIdle,
        needs: vec![],
        actions: vec![world.action(id, ActionKind::Release)],
    };
    let taken = world.plan(vec![release(&world, "metal"), release(&world, "cloud")]);
    assert_eq!((taken.opened, taken.dropped), (1, vec![(0, DropReason::Illegal)]));
}

#[test]
fn a_plan_of_many_megabytes_is_cut_between_units_and_taken_in_order() {
    let mut world = idle_and_slot();
    let need = world.need("c");
    assert_eq!(PlanEntry::cut(Plan::default(), 1), []);
    let unit = world.bootstrap("idle", &need);
    let marks = vec![(need.key, argosy_model::NeedMark { was_whole: true, ..Default::default() })];
    let plan = Plan { units: vec![unit; 60_000], marks };
    let entries = PlanEntry::cut(plan, world.state.revision());
    assert!(entries.len() > 1 && entries.iter().all(|entry| entry.units.len() > 1));
    assert_eq!(entries.iter().map(|entry| entry.units.len()).sum::<usize>(), 60_000);
    let marked: Vec<bool> = entries.iter().map(|entry| !entry.marks.is_empty()).collect();
    assert_eq!(marked.iter().filter(|marked| **marked).count(), 1);
    assert!(marked[marked.len() - 1]);
    let taken: Vec<u32> = entries
        .into_iter()
        .map(|entry| match world.apply(Command::Plan(entry)) {
            Response::Plan(taken) => taken.opened,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(taken.iter().sum::<u32>(), 1, "one of them holds, the machine is busy for the rest");
    assert!(world.state.demand().mark(&need.key).was_whole);
}
