//! The predecessor's own hot benchmark (spec/engine.md §4.1), really seeded: 20 clusters with 129 needs each, 18,000
//! machines, every state of the free tiers filled.
//!
//! What it leaves open is settled so: a machine holds as many pieces as its row says, racks of twelve take turns by eights,
//! the free tiers take turns over service, cache and GPU machines and over the capacity types. Seven of a cluster's 32 GPU
//! gangs ask for more than a rack has, so that needs stay short as they do in a full fleet.

use argosy_engine::Engine;
use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, RACK_KEY};
use argosy_model::{
    Bucket, CapacityType, Claim, ClusterIx, Machine, MicroUsd, NeedKey, Operator, Ppb, Profile, Requirement, Shape,
    State,
};

use crate::decide_rows::WARM_UP;
use crate::honest::{self, Promise};
use crate::meter::live_bytes;
use crate::mixed;
use crate::rows::{About, Budget};
use crate::run::Run;
use crate::world::{Offering, World};

const CLUSTERS: usize = 20;
const NEEDS: usize = CLUSTERS * 129;
const CONFIGURED: usize = 5_000;
const IDLE: usize = 1_000;
const SPECULATIVE: usize = 12_000;
const PRIORITIES: [i32; 2] = [100, 1_000];
/// Both penalties of all rows but the tiny ones.
const PENALTY_USD: u64 = 8_192;
const PER_RACK: usize = 8;
const RACKS: usize = 12;
/// GPU gangs of a cluster that no rack can host.
const HOPELESS: usize = 7;
/// Machines and needs that change between two steady cycles: a thousandth and two thousandths, as in the steady row.
const CHANGED: (usize, usize) = (18, 5);

/// One archetype: its machines, with the piece that its rows ask for and how many of them a machine holds.
#[derive(Clone, Copy)]
struct Archetype {
    offering: Offering,
    pieces: u64,
    /// Configured machines of a cluster.
    configured: usize,
}

const TINY: Archetype = Archetype {
    offering: Offering { name: "m6i.large", cpu_milli: 400, mib: 500, gpus: 0, microusd_per_hour: 96_000 },
    pieces: 100,
    configured: 175,
};
const SERVICE: Archetype = Archetype {
    offering: Offering { name: "m6i.xlarge", cpu_milli: 2_200, mib: 8_500, gpus: 0, microusd_per_hour: 192_000 },
    pieces: 10,
    configured: 30,
};
const CACHE: Archetype = Archetype {
    offering: Offering { name: "r6i.2xlarge", cpu_milli: 4_000, mib: 32 << 10, gpus: 0, microusd_per_hour: 504_000 },
    pieces: 10,
    configured: 30,
};
const GPU: Archetype = Archetype {
    offering: Offering { name: "a3-highgpu-8g", cpu_milli: 64_000, mib: 0, gpus: 8, microusd_per_hour: 88_000_000 },
    pieces: 1,
    configured: 15,
};

/// Measures both rows.
pub(crate) fn measure(run: &mut Run) {
    let [cold, steadily] = ["hot_shape_cold", "hot_shape_steady"].map(|row| run.name(row));
    if !run.wants_any(&[&cold, &steadily]) {
        return;
    }
    let before = live_bytes();
    let (mut world, hopeless) = seeded();
    let bytes = live_bytes() - before;
    let promise = Promise {
        states: &[State::Idle, State::Speculative, State::Configured],
        capacity_types: 4,
        priorities: &PRIORITIES,
        hopeless,
    };
    honest::check(&world, &promise);
    if run.wants(&cold) {
        let mut meter = run.meter(true);
        let mut placements = usize::MAX;
        while meter.wants_more() {
            world.pass(1);
            let mut engine = Engine::new();
            let decision = meter.time(|| engine.decide(&world.view()));
            placements = placements.min(decision.plan.actions().count());
        }
        assert!(placements > 4_000, "from cold there is much to place: {placements}");
        row(run, &cold, placements, bytes, std::time::Duration::from_millis(1), &meter);
    }
    world.settle();
    honest::check(&world, &promise);
    if run.wants(&steadily) {
        steady(run, &steadily, world, bytes);
    }
}

fn steady(run: &mut Run, name: &str, mut world: World, bytes: u64) {
    let keys: Vec<NeedKey> =
        world.demand.by_precedence().map(|need| need.key).filter(|key| key.group.is_none()).collect();
    let mut engine = Engine::new();
    engine.decide(&world.view());
    let mut meter = run.meter(true);
    let mut placements = usize::MAX;
    let mut turn = 0;
    while meter.wants_more() {
        world.pass(10_000);
        world.lose(turn * 37 % 100, 101, CHANGED.0);
        mixed::wobble(&mut world, &keys, turn / 2 * CHANGED.1, CHANGED.1, turn % 2 == 0);
        let decision = meter.time_if(turn >= WARM_UP, || engine.decide(&world.view()));
        placements = placements.min(decision.plan.actions().count());
        world.carry_out(&decision);
        turn += 1;
    }
    assert!(placements > 0, "what was lost is covered again");
    row(run, name, placements, bytes, std::time::Duration::from_micros(50), &meter);
}

fn row(
    run: &mut Run,
    name: &str,
    placements: usize,
    bytes: u64,
    budget: std::time::Duration,
    meter: &crate::meter::Meter,
) {
    let machines = CONFIGURED + IDLE + SPECULATIVE;
    let limit = run.limit(machines).of(placements);
    run.row(
        name,
        &About { machines, needs: NEEDS, placements, bytes, limit, budget: Some(Budget::Time(budget)) },
        meter,
    );
}

/// The world, and one of the gangs that no rack can host.
fn seeded() -> (World, NeedKey) {
    let mut world = World::empty();
    let mut hopeless = None;
    for cluster in 0..CLUSTERS {
        let cluster = world.fleet.words.cluster(&format!("cluster-{cluster}"));
        hopeless = Some(add_needs(&mut world, cluster));
    }
    for cluster in 0..CLUSTERS {
        for archetype in [TINY, SERVICE, CACHE, GPU] {
            add_bound(&mut world, archetype, cluster);
        }
    }
    for at in 0..IDLE + SPECULATIVE {
        let archetype = [SERVICE, CACHE, GPU][at % 3];
        let owned = [CapacityType::BareMetal, CapacityType::Reserved];
        let rented = [CapacityType::OnDemand, CapacityType::Spot];
        let (state, types) = if at < IDLE { (State::Idle, owned) } else { (State::Speculative, rented) };
        let shape = shape(&mut world, archetype, at / 3, types[at / 3 / PER_RACK % 2]);
        world.add(&shape, |machine| machine, state);
    }
    assert_eq!((world.count(State::Configured), world.count(State::Idle)), (CONFIGURED, IDLE));
    assert_eq!((world.count(State::Speculative), world.demand.len()), (SPECULATIVE, NEEDS));
    (world, hopeless.expect("there are clusters"))
}

/// A cluster's 129 needs; returns a gang that no rack can host.
fn add_needs(world: &mut World, cluster: ClusterIx) -> NeedKey {
    let tiny = profile(world, &[TINY, SERVICE], false, PRIORITIES[0], Bucket::UNSPECIFIED);
    let penalty = Bucket::covering(MicroUsd::from_usd(PENALTY_USD));
    let service = profile(world, &[SERVICE], false, PRIORITIES[1], penalty);
    put(world, cluster, &tiny, None, TINY, 17_500);
    put(world, cluster, &service, None, SERVICE, 3_000);
    let cache = profile(world, &[CACHE], true, PRIORITIES[1], penalty);
    for at in 0..95 {
        put(world, cluster, &cache, Some(&format!("cache-{}-{at}", cluster.index())), CACHE, 4);
    }
    let gpu = profile(world, &[GPU], true, PRIORITIES[1], penalty);
    let mut last = None;
    for at in 0..32 {
        let size = if at < HOPELESS { 1_000 } else { 5 };
        let key = put(world, cluster, &gpu, Some(&format!("gpu-{}-{at}", cluster.index())), GPU, size);
        last = last.or(Some(key));
    }
    last.expect("there are gangs")
}

fn put(
    world: &mut World,
    cluster: ClusterIx,
    profile: &Profile,
    group: Option<&str>,
    archetype: Archetype,
    pieces: u64,
) -> NeedKey {
    let key = world.key(cluster, profile, group);
    let Offering { cpu_milli, mib, gpus, .. } = archetype.offering;
    let unit = world.resources(cpu_milli, mib, gpus);
    world.ask(key, unit, pieces);
    key
}

fn add_bound(world: &mut World, archetype: Archetype, cluster: usize) {
    let cluster_ix = world.fleet.words.cluster(&format!("cluster-{cluster}"));
    for at in 0..archetype.configured {
        let shape = shape(world, archetype, cluster * archetype.configured + at, CapacityType::Reserved);
        let claim = Claim { cluster: cluster_ix, profile: None, group: None };
        world.add(&shape, |machine| Machine { claim: Some(claim), ..machine }, State::Configured);
    }
}

fn shape(world: &mut World, archetype: Archetype, at: usize, capacity_type: CapacityType) -> Shape {
    let Offering { name, cpu_milli, mib, gpus, microusd_per_hour } = archetype.offering;
    let resources = world.resources(cpu_milli * archetype.pieces, mib * archetype.pieces, gpus * archetype.pieces);
    let words = &mut world.fleet.words;
    let rack = format!("rack-{name}-{}", at / PER_RACK % RACKS);
    Shape {
        provider: words.symbol("sim"),
        instance_type: Some(words.symbol(name)),
        zone: Some(words.symbol(["a", "b", "c"][at / PER_RACK % RACKS % 3])),
        capacity_type,
        price: MicroUsd(microusd_per_hour),
        interruption: Ppb(if capacity_type == CapacityType::Spot { 20_000_000 } else { 0 }),
        resources,
        labels: vec![(words.symbol(RACK_KEY), words.symbol(&rack))],
    }
}

fn profile(world: &mut World, types: &[Archetype], is_gang: bool, priority: i32, penalty: Bucket) -> Profile {
    let rack = world.same_rack();
    let words = &mut world.fleet.words;
    let values = types.iter().map(|archetype| words.symbol(archetype.offering.name)).collect();
    let mut asks = vec![Requirement { key: words.symbol(INSTANCE_TYPE_KEY), operator: Operator::In, values }];
    asks.extend(is_gang.then_some(rack));
    Profile::new(asks, None, priority, penalty, penalty)
}
