//! Properties that hold for every fleet and every demand.

use std::collections::{BTreeMap, BTreeSet};

use argosy_engine::{ActionKind, decide};
use argosy_model::fleet::Class;
use argosy_model::{Duration, State};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::random::{change, change_world, machine, need, world};
use crate::world::World;

/// Cycles after which any of these small worlds must be at rest.
const PATIENCE: usize = 60;

/// Without the clocks that make a world at rest act again much later.
fn without_clocks(mut world: World) -> World {
    world.policy.park_after = Duration::NEVER;
    world.policy.assemble_within = Duration::from_secs(60);
    world.policy.retreat_for = Duration::NEVER;
    world
}

proptest! {
    #[test]
    fn every_plan_keeps_the_rules_through_any_history(
        machines in vec(machine(), 0..40), needs in vec(need(), 0..10), changes in vec(change(), 0..24), dwell in 0u32..4,
    ) {
        let mut world = world(&machines, &needs);
        for state in [State::Creating, State::Configuring, State::Draining] {
            world.dwell.insert(state, dwell);
        }
        for change in &changes {
            change_world(&mut world, change);
            world.cycle();
        }
    }

    #[test]
    fn what_is_remembered_changes_no_decision_while_clocks_run_out(
        machines in vec(machine(), 0..60), needs in vec(need(), 0..16), changes in vec(change(), 0..24), dwell in 0u32..4,
    ) {
        let mut world = world(&machines, &needs);
        for state in [State::Creating, State::Configuring, State::Draining] {
            world.dwell.insert(state, dwell);
        }
        (world.policy.assemble_within, world.policy.park_after) = (Duration::from_secs(30), Duration::from_secs(30));
        (world.policy.retreat_for, world.policy.probe_every) = (Duration::from_secs(20), Duration::from_secs(50));
        for change in &changes {
            change_world(&mut world, change);
            world.cycle();
        }
    }

    #[test]
    fn a_perfect_provider_leads_to_a_fixed_point(machines in vec(machine(), 0..40), needs in vec(need(), 0..10), dwell in 0u32..3) {
        let mut world = without_clocks(world(&machines, &needs));
        for state in [State::Creating, State::Configuring, State::Draining] {
            world.dwell.insert(state, dwell);
        }
        world.settle(PATIENCE);
        let at_rest = decide(&world.view());
        prop_assert!(at_rest.plan.is_empty(), "{:#?}", at_rest.plan);
    }

    #[test]
    fn the_same_state_gives_the_same_bytes(machines in vec(machine(), 0..40), needs in vec(need(), 0..10)) {
        let world = world(&machines, &needs);
        let [a, b] = [(); 2].map(|()| postcard::to_stdvec(&decide(&world.view())).expect("a decision serialises"));
        prop_assert_eq!(a, b);
    }

    #[test]
    fn the_order_in_which_machines_were_seen_changes_no_count(
        machines in vec(machine(), 0..40), needs in vec(need(), 0..10),
    ) {
        let mut turned = machines.clone();
        turned.reverse();
        prop_assert_eq!(counts(&world(&machines, &needs)), counts(&world(&turned, &needs)));
    }

    #[test]
    fn a_higher_need_never_loses_to_a_lower_one_on_a_common_machine(
        machines in vec(machine(), 0..40), needs in vec(need(), 0..10),
    ) {
        let world = world(&machines, &needs);
        let decision = decide(&world.view());
        let words = &world.fleet.words;
        for short in decision.shortfalls() {
            let profile = words.profile_of(short.key.profile);
            let Some(need) = world.demand.get(&short.key) else { continue };
            if profile.same_key().is_some() || profile.spread().is_some() {
                // Its topology may rule out what others can use.
                continue;
            }
            for action in decision.plan.actions() {
                let (ActionKind::Bootstrap(given) | ActionKind::Provision(given)) = &action.kind else { continue };
                let shape = words.shape_of(world.fleet.machine(action.machine).shape);
                let would_do = profile.admits(shape, words) && shape.resources.covers(&need.min_unit);
                prop_assert!(given.priority >= profile.priority || !would_do, "{short:#?} lost {action:?}");
            }
        }
    }
}

#[test]
fn random_worlds_reach_every_reason_and_every_kind_of_shortfall() {
    let mut runner = TestRunner::deterministic();
    let (mut reasons, mut unmet) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..400 {
        let machines = vec(machine(), 0..40).new_tree(&mut runner).expect("a world").current();
        let needs = vec(need(), 0..10).new_tree(&mut runner).expect("a world").current();
        let mut world = world(&machines, &needs);
        (world.policy.assemble_within, world.policy.park_after) = (Duration::from_secs(30), Duration::from_secs(20));
        for _ in 0..70 {
            let decision = world.cycle();
            reasons.extend(decision.plan.units.iter().map(|unit| unit.reason.name()));
            unmet.extend(decision.verdicts.iter().filter_map(|verdict| verdict.unmet).map(|unmet| unmet.name()));
        }
    }
    assert_eq!((reasons.len(), unmet.len()), (7, 6), "{reasons:?} {unmet:?}");
}

/// How many actions of each kind a plan has in each class.
fn counts(world: &World) -> BTreeMap<(Class, &'static str), usize> {
    let mut counts = BTreeMap::new();
    for action in decide(&world.view()).plan.actions() {
        let class = Class::of(world.fleet.machine(action.machine));
        *counts.entry((class, action.kind.name())).or_default() += 1;
    }
    counts
}
