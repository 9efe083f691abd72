//! One rule each.

use argosy_model::{Duration, ShardTime, State};

use super::world::{World, ix};
use crate::plant::{self, Bug};
use crate::record::Hold;
use crate::{
    Acted, Census, Class, Domain, Heard, Late, Move, Moves, Order, Scope, StepMove, Wait, decide, next_moment,
};

const CALM: &str = "
version: 1
grace: {reset-gpu: 2m, reboot-host: 2m, quarantine: 2m, replace: 0s}
breakers: []
budgets: []
";

fn run(world: &mut World, cycles: usize) {
    for _ in 0..cycles {
        world.cycle();
        (0..world.hosts.len()).for_each(|host| world.turn(host));
        world.pass(10);
    }
}

#[test]
fn a_fault_that_clears_within_its_grace_costs_nothing() {
    let history = |world: &mut World| {
        world.report(0, Some(Class::ResetGpu));
        world.pass(60);
        world.cycle();
        assert!(matches!(world.waits(0), Some(Wait::Grace(_))), "{:?}", world.waits(0));
        let closed = matches!(world.report(0, None), Heard::Closed(_));
        run(world, 60);
        (closed, world.hosts[0].state, world.book.counts().admitted)
    };
    assert_eq!(history(&mut World::of(5, CALM)), (true, State::Configured, 0));
    let broken = plant::with(Bug::RecoveryForgotten, || history(&mut World::of(5, CALM)));
    assert_ne!(broken, (true, State::Configured, 0), "the bug shows");
}

#[test]
fn a_fault_that_persists_is_repaired_and_a_fatal_one_has_no_grace() {
    let mut world = World::of(5, CALM);
    world.report(0, Some(Class::Replace));
    world.report(1, Some(Class::RebootHost));
    world.cycle();
    assert_eq!((world.step_of(0), world.step_of(1)), (Some("admitted"), Some("waiting")));
    run(&mut world, 13);
    assert_eq!((world.deleted.get(&0), world.step_of(0)), (Some(&1), None));
    assert_eq!(world.step_of(1), Some("admitted"));
}

#[test]
fn two_bad_reports_in_a_row_are_enough_where_two_are_asked_for() {
    let policy = format!("{CALM}threshold: {{reports: 2, or_after: 1h}}\n");
    let history = || {
        let mut world = World::of(5, &policy);
        let mut seen = Vec::new();
        for unfit in [Some(Class::Replace), None, Some(Class::Replace), Some(Class::Replace)] {
            world.report(0, unfit);
            world.cycle();
            seen.push(world.step_of(0));
        }
        seen
    };
    assert_eq!(history(), [Some("waiting"), None, Some("waiting"), Some("admitted")]);
    let broken = plant::with(Bug::ReportsNotConsecutive, history);
    assert_eq!(broken[2], Some("admitted"), "the bug shows: two reports that were not in a row");
}

#[test]
fn a_machine_that_says_no_more_is_not_spared_by_its_silence() {
    let mut world = World::of(5, &format!("{CALM}threshold: {{reports: 9, or_after: 5m}}\n"));
    world.report(0, Some(Class::Replace));
    world.pass(299);
    world.cycle();
    assert!(matches!(world.waits(0), Some(Wait::Reports { seen: 1, of: 9, .. })), "{:?}", world.waits(0));
    world.pass(1);
    world.cycle();
    assert_eq!(world.step_of(0), Some("admitted"));
}

#[test]
fn nothing_is_drained_where_two_fifths_of_a_rack_fail_at_once() {
    const GUARDED: &str = "
version: 1
budgets: []
breakers: [{per: rack, count: 2, share: 40%, window: 10m}]
";
    let history = || {
        let mut world = World::of(10, GUARDED);
        for host in [0, 1, 7] {
            world.report(host, Some(Class::Replace));
        }
        run(&mut world, 30);
        world
    };
    let world = history();
    assert_eq!(
        (world.step_of(0), world.step_of(1), world.hosts[0].state),
        (Some("waiting"), Some("waiting"), State::Configured)
    );
    assert_eq!(world.deleted.get(&7), Some(&1), "another rack goes on");
    let rack = Domain { scope: Scope::Rack, name: "z/r0".into() };
    assert_eq!(world.waits(0), Some(Wait::Breaker(rack.clone())));
    assert_eq!(
        world.book.tripped(world.now).map(|(domain, trip)| (domain.clone(), trip.found, trip.of)).collect::<Vec<_>>(),
        [(rack.clone(), 2, 5)]
    );
    let mut world = world;
    assert_eq!(world.book.reset_breakers(Some(&rack), world.now), [rack]);
    run(&mut world, 10);
    assert_eq!(world.deleted.len(), 3, "once somebody has closed it, what it held back goes on");
    let broken = plant::with(Bug::BreakerIgnored, history);
    assert!(broken.hosts[0].state != State::Configured || broken.deleted.contains_key(&0), "the bug shows");
}

#[test]
fn what_was_admitted_before_the_breaker_opened_is_taken_back_into_supply() {
    let mut world = World::of(10, "{version: 1, budgets: [], breakers: [{per: rack, count: 2, window: 10m}]}");
    world.report(0, Some(Class::Replace));
    world.cycle();
    assert_eq!(world.step_of(0), Some("admitted"));
    world.report(1, Some(Class::Replace));
    world.cycle();
    assert_eq!((world.step_of(0), world.step_of(1)), (Some("waiting"), Some("waiting")));
}

#[test]
fn a_breaker_closes_by_itself_after_its_time_where_it_has_one() {
    let mut world =
        World::of(10, "{version: 1, budgets: [], breakers: [{per: shard, count: 2, window: 10m, reset_after: 20m}]}");
    world.report(0, Some(Class::Replace));
    world.report(1, Some(Class::Replace));
    world.cycle();
    world.pass(20 * 60 - 1);
    world.cycle();
    assert_eq!(world.step_of(0), Some("waiting"));
    world.pass(1);
    world.cycle();
    assert_eq!(world.step_of(0), Some("admitted"));
}

#[test]
fn what_has_just_been_created_does_not_count_for_breakers() {
    let mut world = World::of(10, "{version: 1, budgets: [], breakers: [{per: rack, count: 2, window: 10m}]}");
    for host in [0, 1] {
        let place = world.hosts[host].place.clone();
        let keep = Duration::from_secs(600);
        let report =
            crate::Report { unfit: Some(Class::Replace), reason: String::new(), place, is_warming_up: true, keep };
        world.book.heard(ix(host), report, world.now);
    }
    world.cycle();
    assert_eq!((world.step_of(0), world.step_of(1)), (Some("admitted"), Some("admitted")));
}

#[test]
fn a_budget_holds_for_two_leaders_that_decided_from_the_same_state() {
    let policy = "{version: 1, breakers: [], budgets: [{per: rack, at_once: 1}]}";
    let history = || {
        let mut world = World::of(5, policy);
        world.report(0, Some(Class::Replace));
        let first = world.decide();
        let mut elsewhere = world.clone();
        world.report(1, Some(Class::Replace));
        elsewhere.book.gone(ix(0));
        elsewhere.report(1, Some(Class::Replace));
        let second = elsewhere.decide();
        assert_eq!((first.steps.len(), second.steps.len()), (1, 1));
        let results: Vec<_> = world.apply(&first).into_iter().chain(world.apply(&second)).collect();
        results.into_iter().map(|result| result.is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(history(), [true, false]);
    assert_eq!(plant::with(Bug::BudgetIgnored, history), [true, true], "the bug shows");
}

#[test]
fn machines_are_counted_only_once_a_share_decides() {
    let policy = "{version: 1, grace: {reset-gpu: 2m}, threshold: {reports: 1, or_after: 1s},
        breakers: [{per: shard, count: 3, share: 50%, window: 10m}], budgets: [{per: shard, at_once: 20%}]}";
    let mut world = World::of(5, policy);
    let counts = |world: &World| {
        world.look(|at| {
            drop((decide(at), next_moment(at)));
            at.census.is_taken()
        })
    };
    (0..2).for_each(|host| drop(world.report(host, Some(Class::ResetGpu))));
    assert!(!counts(&world), "nothing is to begin, and too few were found for any breaker");
    world.pass(120);
    assert!(counts(&world), "a fifth of how many?");
    let mut stopped = World::of(5, policy);
    (0..3).for_each(|host| drop(stopped.report(host, Some(Class::ResetGpu))));
    assert!(counts(&stopped), "half of how many?");
}

#[test]
fn a_budget_limits_the_repairs_it_names_and_only_while_its_window_is_open() {
    let policy = "
version: 1
breakers: []
grace: {reset-gpu: 0s}
budgets:
  - {per: shard, at_once: 0, reasons: [replace]}
  - {per: shard, at_once: 0, schedule: [{start: 9, end: 17}]}
";
    let mut world = World::of(5, policy);
    world.report(0, Some(Class::Replace));
    world.report(1, Some(Class::ResetGpu));
    world.cycle();
    assert_eq!((world.step_of(0), world.step_of(1)), (Some("waiting"), Some("admitted")));
    let open = |moment: &str| world.policy.in_force(moment.parse().expect("a moment"));
    assert_eq!((open("2026-11-23T08:59:00Z"), open("2026-11-23T09:00:00Z")), (vec![], vec![1]));
}

#[test]
fn nothing_begins_at_a_machine_that_somebody_holds() {
    let history = || {
        let mut world = World::of(5, CALM);
        world.report(0, Some(Class::Replace));
        let stale = world.decide();
        let hold =
            Hold { until: world.now.plus(Duration::from_secs(7_200)), actor: "ann".into(), reason: "mine".into() };
        world.book.set_hold(ix(0), hold, world.now);
        let taken = world.apply(&stale).iter().all(Result::is_ok);
        let held = world.step_of(0);
        world.pass(7_201);
        world.cycle();
        (taken, held, world.step_of(0))
    };
    assert_eq!(history(), (false, Some("waiting"), Some("admitted")));
    assert!(plant::with(Bug::HoldIgnored, history).0, "the bug shows");
}

#[test]
fn what_is_ordered_by_hand_asks_no_budget_and_a_fit_verdict_does_not_end_it() {
    let mut world = World::of(5, "{version: 1, breakers: [], budgets: [{per: shard, at_once: 0}]}");
    let order = Order { actor: "ann".into(), reason: "a new kernel".into() };
    let place = world.hosts[0].place.clone();
    world.book.order(ix(0), Class::RebootHost, &order, place, world.now).expect("nothing is under way");
    world.report(0, None);
    run(&mut world, 4);
    let acted = world.act(0, true).expect("its agent was told");
    world.apply(&Moves { steps: vec![acted], ..Moves::default() });
    run(&mut world, 10);
    assert_eq!((world.step_of(0), world.book.counts().repaired), (None, 1));
}

#[test]
fn a_repair_that_does_not_help_is_tried_again_and_then_something_harder() {
    let mut world = World::of(5, CALM);
    world.report(0, Some(Class::ResetGpu));
    let mut classes = Vec::new();
    for _ in 0..2_000 {
        run(&mut world, 1);
        if let Some(acted) = world.act(0, false) {
            classes.push(world.book.get(ix(0)).expect("in repair").class);
            world.apply(&Moves { steps: vec![acted], ..Moves::default() });
        }
    }
    assert_eq!(classes, [Class::ResetGpu, Class::ResetGpu, Class::RebootHost, Class::RebootHost]);
    assert_eq!((world.step_of(0), world.book.counts().failed), (Some("quarantined"), 4));
}

#[test]
fn an_agent_that_cannot_is_not_asked_again() {
    let mut world = World::of(5, CALM);
    world.report(0, Some(Class::ResetGpu));
    run(&mut world, 20);
    let mut acted = world.act(0, false).expect("its agent was told");
    let Move::Acted { order, .. } = acted.step else { panic!("{acted:?}") };
    acted.step = Move::Acted { order, outcome: Acted::Impossible("switched off".into()) };
    world.apply(&Moves { steps: vec![acted], ..Moves::default() });
    assert_eq!(world.book.get(ix(0)).map(|repair| repair.class), Some(Class::RebootHost));
}

#[test]
fn word_of_an_order_counts_though_a_verdict_came_first() {
    let mut world = World::of(5, CALM);
    world.report(0, Some(Class::ResetGpu));
    run(&mut world, 20);
    let word = world.act(0, false).expect("its agent was told");
    world.report(0, None);
    assert_eq!(world.apply(&Moves { steps: vec![word], ..Moves::default() }).remove(0).err(), None);
    assert_eq!(world.step_of(0), Some("verifying"));
}

#[test]
fn what_is_under_way_keeps_its_class_and_what_was_called_for_meanwhile_comes_next() {
    let history = || {
        let mut world = World::of(5, CALM);
        let class = |world: &World| world.book.get(ix(0)).map(|repair| repair.class);
        world.report(0, Some(Class::ResetGpu));
        run(&mut world, 20);
        assert_eq!(world.step_of(0), Some("acting"));
        world.report(0, Some(Class::Replace));
        let word = world.act(0, true).expect("its agent was told");
        world.apply(&Moves { steps: vec![word], ..Moves::default() });
        world.cycle();
        let done = (world.step_of(0), class(&world));
        run(&mut world, 100);
        (done, world.deleted.get(&0).copied())
    };
    assert_eq!(history(), ((Some("verifying"), Some(Class::ResetGpu)), Some(1)));
    let broken = plant::with(Bug::ClassChangedUnderWay, history);
    assert_ne!(broken.0, (Some("verifying"), Some(Class::ResetGpu)), "the bug shows");
}

#[test]
fn what_was_called_for_while_an_act_was_under_way_is_forgotten_when_it_has_helped() {
    let mut world = World::of(5, CALM);
    world.report(0, Some(Class::ResetGpu));
    run(&mut world, 20);
    world.report(0, Some(Class::Replace));
    world.report(0, Some(Class::ResetGpu));
    let word = world.act(0, true).expect("its agent was told");
    world.apply(&Moves { steps: vec![word], ..Moves::default() });
    run(&mut world, 100);
    assert_eq!((world.step_of(0), world.deleted.len(), world.book.counts().repaired), (None, 0, 1));
}

#[test]
fn what_came_of_another_order_does_not_count() {
    let history = || {
        let mut world = World::of(5, CALM);
        world.report(0, Some(Class::ResetGpu));
        run(&mut world, 20);
        let repair = world.book.get(ix(0)).expect("in repair").clone();
        let step = Move::Acted { order: 3, outcome: Acted::Done };
        let late = StepMove { machine: ix(0), base: repair.updates, step };
        world.apply(&Moves { steps: vec![late], ..Moves::default() }).remove(0).err()
    };
    assert_eq!(history(), Some(Late::Illegal));
    assert_eq!(plant::with(Bug::LateOutcomeCounted, history), None, "the bug shows");
}

#[test]
fn a_machine_that_is_not_drained_in_time_is_waited_for_or_acted_on_as_the_policy_says() {
    let stuck = |policy: &str| {
        let mut world = World::of(5, policy);
        world.report(0, Some(Class::RebootHost));
        for _ in 0..100 {
            world.cycle();
            world.pass(60);
        }
        (world.step_of(0), world.waits(0))
    };
    let (step, wait) = stuck(CALM);
    assert_eq!(step, Some("admitted"));
    assert!(matches!(wait, Some(Wait::Drain { overdue: true, .. })), "{wait:?}");
    let forced = format!("{CALM}act: {{reboot-host: {{when_overdue: force, within: 4h}}}}\n");
    assert_eq!(stuck(&forced).0, Some("acting"));
}

#[test]
fn a_machine_that_serves_is_never_condemned() {
    let history = || {
        let mut world = World::of(5, CALM);
        world.report(0, Some(Class::Replace));
        world.cycle();
        let base = world.book.get(ix(0)).expect("in repair").updates;
        let step = StepMove { machine: ix(0), base, step: Move::Condemn };
        world.apply(&Moves { steps: vec![step], ..Moves::default() }).remove(0).err()
    };
    assert_eq!(history(), Some(Late::Illegal));
    assert_eq!(plant::with(Bug::CondemnedWhileServing, history), None, "the bug shows");
}

#[test]
fn a_machine_that_cannot_be_given_back_is_kept_for_people() {
    let mut world = World::of(5, CALM);
    world.hosts[0].is_elastic = false;
    world.report(0, Some(Class::Replace));
    run(&mut world, 20);
    assert_eq!((world.step_of(0), world.waits(0)), (Some("quarantined"), Some(Wait::Hands(Class::Replace))));
    assert!(world.deleted.is_empty());
}

#[test]
fn a_quarantined_machine_is_given_back_after_its_time_where_it_has_one() {
    let mut world = World::of(5, &format!("{CALM}keep_quarantined: 1h\n"));
    world.report(0, Some(Class::Quarantine));
    run(&mut world, 30);
    assert_eq!(world.step_of(0), Some("quarantined"));
    run(&mut world, 400);
    assert_eq!(world.deleted.get(&0), Some(&1));
}

#[test]
fn nothing_is_admitted_while_the_kill_switch_is_on() {
    let mut world = World::of(5, CALM);
    world.report(0, Some(Class::Replace));
    let (tally, policy) = (|| world.tally(), world.policy.clone());
    let census = Census::new(&tally);
    let gate = crate::Gate::new(&world.book, &policy, &census, world.now, &[], true);
    assert_eq!(gate.check(world.book.get(ix(0)).expect("in repair")), Err(Wait::Standstill));
    assert_eq!(
        crate::Gate::new(&world.book, &policy, &census, ShardTime(0), &[], false)
            .check(world.book.get(ix(0)).expect("in repair")),
        Ok(())
    );
}

#[test]
fn a_book_is_restored_as_it_was_stored() {
    let mut world = World::of(10, "{version: 1, budgets: [], breakers: [{per: rack, count: 2, window: 10m}]}");
    for host in [0, 1, 7] {
        world.report(host, Some(Class::Replace));
    }
    run(&mut world, 2);
    let hold = Hold { until: world.now.plus(Duration::from_secs(60)), actor: "ann".into(), reason: "mine".into() };
    world.book.set_hold(ix(3), hold, world.now);
    let mut restored = crate::Book::default();
    for part in world.book.parts() {
        let bytes = postcard::to_stdvec(&part).expect("plain data");
        restored.restore(postcard::from_bytes(&bytes).expect("it reads back"));
    }
    assert_eq!(restored, world.book);
    assert_eq!(crate::Book::default().parts().count(), 0);
}
