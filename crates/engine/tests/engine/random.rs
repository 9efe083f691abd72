//! Random fleets and demand, small enough to collide: few shapes, racks, clusters and priorities.

use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, RACK_KEY, ZONE_KEY};
use argosy_model::{
    Bucket, CapacityType, Claim, Flags, MachineIx, MicroUsd, Operator, Ppb, Profile, Requirement, Resources, Shape,
    Spread, State,
};
use proptest::prelude::*;

use crate::world::World;

/// One machine to be.
#[derive(Clone, Debug)]
pub(crate) struct RandomMachine {
    instance: usize,
    rack: usize,
    capacity: usize,
    state: usize,
    cluster: usize,
    owner: usize,
    flag: usize,
}

/// One row of demand to be.
#[derive(Clone, Debug)]
pub(crate) struct RandomNeed {
    cluster: usize,
    instances: usize,
    kind: usize,
    priority: usize,
    penalty: usize,
    units: u64,
    unit: u64,
}

/// A change to a world.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Add(RandomNeed),
    Withdraw(usize),
    Vanish(usize),
    Flag(usize, usize, bool),
    Cycle,
}

pub(crate) fn machine() -> impl Strategy<Value = RandomMachine> {
    (0usize..3, 0usize..4, 0usize..4, 0usize..12, 0usize..3, 0usize..8, 0usize..16).prop_map(
        |(instance, rack, capacity, state, cluster, owner, flag)| RandomMachine {
            instance,
            rack,
            capacity,
            state,
            cluster,
            owner,
            flag,
        },
    )
}

pub(crate) fn need() -> impl Strategy<Value = RandomNeed> {
    (0usize..3, 0usize..5, 0usize..8, 0usize..4, 0usize..3, 1u64..7, 0u64..4).prop_map(
        |(cluster, instances, kind, priority, penalty, units, unit)| RandomNeed {
            cluster,
            instances,
            kind,
            priority,
            penalty,
            units,
            unit,
        },
    )
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => need().prop_map(Change::Add),
        2 => (0usize..32).prop_map(Change::Withdraw),
        2 => (0usize..64).prop_map(Change::Vanish),
        1 => (0usize..64, 0usize..3, any::<bool>()).prop_map(|(m, f, on)| Change::Flag(m, f, on)),
        4 => Just(Change::Cycle),
    ]
}

fn shape(world: &mut World, m: &RandomMachine) -> Shape {
    let words = &mut world.fleet.words;
    let (cpu, gpu) = [(4_000, 0), (16_000, 0), (32_000, 8)][m.instance];
    let rack = format!("rack-{}", m.rack);
    let (cpu_dim, gpu_dim) = (words.dim("cpu"), words.dim("gpu"));
    Shape {
        provider: words.symbol("sim"),
        instance_type: Some(words.symbol(["small", "large", "gpu"][m.instance])),
        zone: Some(words.symbol(["a", "b"][m.rack / 2])),
        capacity_type: [CapacityType::BareMetal, CapacityType::OnDemand, CapacityType::Spot, CapacityType::Reserved]
            [m.capacity],
        price: MicroUsd([0, 1_000_000, 300_000, 800_000][m.capacity] * (1 + m.instance as u64)),
        interruption: Ppb([0, 50_000, 100_000_000, 0][m.capacity]),
        resources: Resources::from_amounts([(cpu_dim, cpu), (gpu_dim, gpu)]),
        labels: vec![(words.symbol(RACK_KEY), words.symbol(&rack))],
    }
}

fn cluster(at: usize) -> String {
    format!("c{at}")
}

fn profile(world: &mut World, n: &RandomNeed) -> Profile {
    let words = &mut world.fleet.words;
    let mut requirements = Vec::new();
    let instances: &[&str] = [&["small"][..], &["large"], &["gpu"], &["small", "large"], &[]][n.instances];
    if !instances.is_empty() {
        let values = instances.iter().map(|name| words.symbol(name)).collect();
        requirements.push(Requirement { key: words.symbol(INSTANCE_TYPE_KEY), operator: Operator::In, values });
    }
    let (rack, zone) = (words.symbol(RACK_KEY), words.symbol(ZONE_KEY));
    let same = match n.kind {
        4 | 5 => Some(rack),
        6 => Some(zone),
        _ => None,
    };
    requirements.extend(same.map(|key| Requirement { key, operator: Operator::Same, values: vec![] }));
    let spread = match n.kind {
        2 => Some(Spread { key: zone, max_skew: 1 }),
        3 => Some(Spread { key: rack, max_skew: 2 }),
        _ => None,
    };
    let penalty = [Bucket::ZERO, Bucket::HALF_DOLLAR, Bucket::PINNED][n.penalty];
    Profile::new(requirements, spread, [0, 100, 1_000, 1_000_000][n.priority], penalty, penalty)
}

/// Adds a row of demand; gangs get a group, but for some with `Same` alone.
pub(crate) fn add_need(world: &mut World, n: &RandomNeed) {
    let profile = profile(world, n);
    let per_unit = [1_000, 4_000, 16_000, 30_000][usize::try_from(n.unit).expect("small")];
    let cpu = world.fleet.words.dim("cpu");
    let unit = Resources::from_amounts([(cpu, per_unit)]);
    let group = format!("g{}", n.units % 3);
    let group = (n.kind == 4 || n.kind == 6).then_some(group.as_str());
    world.need(&cluster(n.cluster), &profile, group, unit.times(n.units), unit);
}

/// A world out of its parts. Machines bound or on their way belong to some row of demand, or to none.
pub(crate) fn world(machines: &[RandomMachine], needs: &[RandomNeed]) -> World {
    let mut world = World::default();
    for need in needs {
        add_need(&mut world, need);
    }
    // Which shape was seen first is a tie-break, so every world sees them in one order.
    for (instance, rack, capacity) in (0..48).map(|at| (at / 16, at / 4 % 4, at % 4)) {
        let shape =
            shape(&mut world, &RandomMachine { instance, rack, capacity, state: 0, cluster: 0, owner: 0, flag: 0 });
        world.fleet.words.shape(&shape);
    }
    let keys: Vec<_> = world.demand.by_precedence().map(|need| need.key).collect();
    for (at, m) in machines.iter().enumerate() {
        let shape = shape(&mut world, m);
        let state = [
            State::Speculative,
            State::Speculative,
            State::Speculative,
            State::Idle,
            State::Idle,
            State::Idle,
            State::Configured,
            State::Configured,
            State::Configured,
            State::Configured,
            State::Configuring,
            State::Creating,
        ][m.state];
        let claim = match keys.get(m.owner) {
            Some(key) => Claim { cluster: key.cluster, profile: Some(key.profile), group: key.group },
            None => Claim { cluster: world.fleet.words.cluster(&cluster(m.cluster)), profile: None, group: None },
        };
        let held = state.is_bound() || state == State::Creating;
        let ix = world.add(&format!("m{at}"), &shape, state, held.then_some(claim));
        let flag = [Flags::CORDONED, Flags::UNHEALTHY, Flags::NOTICE].get(m.flag).copied();
        if let Some(flag) = flag.filter(|flag| state != State::Speculative || *flag == Flags::CORDONED) {
            world.flag(ix, flag, true);
        }
    }
    world.adopt_steps();
    world
}

/// Applies a change to a world. What it names that is not there is left out.
pub(crate) fn change_world(world: &mut World, change: &Change) {
    match change {
        Change::Add(need) => add_need(world, need),
        Change::Withdraw(at) => {
            let key = world.demand.by_precedence().nth(*at).map(|need| need.key);
            if let Some(key) = key {
                world.withdraw(&key);
            }
        }
        Change::Vanish(at) => {
            let ix = nth_machine(world, *at)
                .filter(|ix| !matches!(world.fleet.machine(*ix).state, State::Speculative | State::Failed));
            if let Some(ix) = ix {
                world.vanish(ix);
            }
        }
        Change::Flag(at, flag, on) => {
            if let Some(ix) = nth_machine(world, *at).filter(|ix| world.fleet.machine(*ix).flags.has(Flags::HOST)) {
                world.flag(ix, [Flags::CORDONED, Flags::UNHEALTHY, Flags::NOTICE][*flag], *on);
            }
        }
        Change::Cycle => {
            world.cycle();
        }
    }
}

fn nth_machine(world: &World, at: usize) -> Option<MachineIx> {
    world.fleet.iter().nth(at).map(|(ix, _)| ix)
}
