//! Properties that hold for every fleet and every demand.

use std::collections::BTreeMap;

use argosy_engine::decide;
use argosy_model::fleet::Class;
use argosy_model::{Duration, State};
use proptest::collection::vec;
use proptest::prelude::*;

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
