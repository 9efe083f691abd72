//! Phase 2 at half a million machines: everything is bound at a low priority, and a hundred needs of the highest priority
//! come that only preemption can serve.

use argosy_engine::{ActionKind, decide};
use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, RACK_KEY};
use argosy_model::{
    Bucket, CapacityType, Claim, Machine, MicroUsd, NeedKey, Operator, Ppb, Profile, Requirement, Shape, State,
};

use crate::decide_rows::scale;
use crate::honest::{self, Promise};
use crate::meter::live_bytes;
use crate::rows::About;
use crate::run::Run;
use crate::world::World;

const CLUSTERS: usize = 10;
const TYPES: usize = 5;
const PER_RACK: usize = 40;
/// Low, high, and a priority below every victim's.
const PRIORITIES: [i32; 3] = [10, 100, 1_000_000];
/// Needs of the highest priority, each short of five machines.
const CLAIMANTS: usize = 100;
const DEFICIT: u64 = 5;
/// Of those, gangs; one more fits in no rack.
const GANGS: usize = 40;
/// Needs that nobody has to give way to.
const STARVED: usize = 10;
/// Machines of a type that nobody asks for, so that the free tiers are not empty.
const SPARE: usize = 1_000;

/// Measures the row for this many machines.
pub(crate) fn measure(run: &mut Run, machines: usize) {
    let name = match 2 * machines {
        all if all >= crate::TEN_MILLION => format!("phase2_{}_of_{}", scale(machines), scale(all)),
        _ => format!("phase2_{}", scale(machines)),
    };
    if !run.wants(&name) {
        return;
    }
    let before = live_bytes();
    let mut world = bound(machines);
    world.settle();
    let hopeless = add_claimants(&mut world);
    let bytes = live_bytes() - before;
    let states = &[State::Idle, State::Speculative, State::Configured];
    honest::check(&world, &Promise { states, capacity_types: 3, priorities: &PRIORITIES, hopeless });
    let mut meter = run.meter(false);
    let mut victims = usize::MAX;
    while meter.wants_more() {
        world.pass(1);
        let decision = meter.time(|| decide(&world.view()));
        let preempts = |kind: &ActionKind| matches!(kind, ActionKind::Preempt { .. });
        victims = victims.min(decision.plan.actions().filter(|action| preempts(&action.kind)).count());
    }
    assert!(victims as u64 >= CLAIMANTS as u64 * DEFICIT, "every claimant gets its machines: {victims}");
    let limit = run.limit(machines).of(victims);
    let (needs, all) = (world.demand.len(), world.fleet.len());
    // No budget of its own; the predecessor publishes 471 ms at this size, on eighteen cores.
    let about = About { machines: all, needs, placements: victims, bytes, limit, budget: None };
    run.row(&name, &about, &meter);
}

/// Every cluster holds its share of every type, for a need that asks for exactly that.
fn bound(machines: usize) -> World {
    let mut world = World::empty();
    let share = machines / CLUSTERS / TYPES;
    for cluster in 0..CLUSTERS {
        for kind in 0..TYPES {
            let profile = profile(&mut world, kind, false, PRIORITIES[1], 0);
            let key = ask(&mut world, cluster, &profile, None, share as u64);
            let claim = Claim { cluster: key.cluster, profile: Some(key.profile), group: None };
            for at in 0..share {
                let shape = shape(&mut world, kind, (cluster * share + at) / PER_RACK, CapacityType::Reserved);
                let bind = |machine| Machine { claim: Some(claim), assigned_priority: PRIORITIES[1], ..machine };
                world.add(&shape, bind, State::Configured);
            }
        }
    }
    for at in 0..SPARE {
        let owned = shape(&mut world, TYPES, at / PER_RACK, CapacityType::BareMetal);
        world.add(&owned, |machine| machine, State::Idle);
        let rented = shape(&mut world, TYPES, at / PER_RACK, CapacityType::OnDemand);
        world.add(&rented, |machine| machine, State::Speculative);
    }
    assert_eq!(world.count(State::Configured), share * CLUSTERS * TYPES);
    world
}

fn add_claimants(world: &mut World) -> NeedKey {
    for at in 0..CLAIMANTS {
        let is_gang = at < GANGS;
        // A cluster has two claimants of each type, told apart by their penalties.
        let profile = profile(world, at % TYPES, is_gang, PRIORITIES[2], at / TYPES / CLUSTERS + 1);
        let group = is_gang.then(|| format!("gang-{at}"));
        // From clusters that hold nothing: what a cluster holds would be credited to its highest need first.
        ask(world, CLUSTERS + at / TYPES % CLUSTERS, &profile, group.as_deref(), DEFICIT);
    }
    for at in 0..STARVED {
        let profile = profile(world, at % TYPES, false, PRIORITIES[0], 0);
        ask(world, CLUSTERS + at % CLUSTERS, &profile, None, DEFICIT);
    }
    let profile = profile(world, 0, true, PRIORITIES[2], 0);
    ask(world, CLUSTERS, &profile, Some("nowhere"), PER_RACK as u64 * 10)
}

fn ask(world: &mut World, cluster: usize, profile: &Profile, group: Option<&str>, machines: u64) -> NeedKey {
    let cluster = world.fleet.words.cluster(&format!("cluster-{cluster}"));
    let key = world.key(cluster, profile, group);
    let unit = world.resources(8_000, 32 << 10, 0);
    world.ask(key, unit, machines);
    key
}

fn shape(world: &mut World, kind: usize, rack: usize, capacity_type: CapacityType) -> Shape {
    let resources = world.resources(8_000, 32 << 10, 0);
    let words = &mut world.fleet.words;
    Shape {
        provider: words.symbol("sim"),
        instance_type: Some(words.symbol(&format!("type-{kind}"))),
        zone: Some(words.symbol(["a", "b", "c"][rack % 3])),
        capacity_type,
        price: MicroUsd(400_000),
        interruption: Ppb(0),
        resources,
        labels: vec![(words.symbol(RACK_KEY), words.symbol(&format!("rack-{kind}-{rack}")))],
    }
}

fn profile(world: &mut World, kind: usize, is_gang: bool, priority: i32, rank: usize) -> Profile {
    let rack = world.same_rack();
    let words = &mut world.fleet.words;
    let values = vec![words.symbol(&format!("type-{kind}"))];
    let mut asks = vec![Requirement { key: words.symbol(INSTANCE_TYPE_KEY), operator: Operator::In, values }];
    asks.extend(is_gang.then_some(rack));
    let bucket = Bucket::covering(MicroUsd::from_usd(1 << rank));
    Profile::new(asks, None, priority, bucket, bucket)
}
