//! The workload of the decide rows: a fleet of six offerings over racks, zones and capacity types, and needs of every kind.
//!
//! Of fifty needs, five are small gangs that fold, five are gangs of eight machines in a rack, two such gangs and six plain
//! rows compete for an offering of which there is far too little; the rest fill what is left, half of them spread over the
//! zones. One gang fits nowhere. A tenth as many needs again come with the burst.

use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, RACK_KEY, ZONE_KEY};
use argosy_model::{
    Bucket, CapacityType, MicroUsd, NeedKey, Operator, Ppb, Profile, Requirement, Shape, Spread, State,
};

use crate::honest::Promise;
use crate::world::{Offering, World};

/// Machines in one rack, all of one offering.
const PER_RACK: usize = 48;
/// Machines for each placement that the whole demand takes, in per cent: what is over stays idle or speculative.
const MACHINES_PER_CENT: usize = 110;
/// Needs of one cluster, before the burst.
const PER_CLUSTER: usize = 1_000;
const PRIORITIES: [i32; 4] = [100, 1_000, 10_000, 1_000_000];

const OFFERINGS: [Offering; 6] = [
    Offering { name: "m.large", cpu_milli: 2_000, mib: 8 << 10, gpus: 0, microusd_per_hour: 100_000 },
    Offering { name: "m.xlarge", cpu_milli: 4_000, mib: 16 << 10, gpus: 0, microusd_per_hour: 200_000 },
    Offering { name: "c.4xlarge", cpu_milli: 16_000, mib: 32 << 10, gpus: 0, microusd_per_hour: 600_000 },
    Offering { name: "r.2xlarge", cpu_milli: 8_000, mib: 64 << 10, gpus: 0, microusd_per_hour: 500_000 },
    Offering { name: "g.8xlarge", cpu_milli: 64_000, mib: 512 << 10, gpus: 4, microusd_per_hour: 4_000_000 },
    Offering { name: "a.8g", cpu_milli: 128_000, mib: 2_048 << 10, gpus: 8, microusd_per_hour: 9_800_000 },
];
/// The offering of each of twelve racks in a row.
const RACKS: [usize; 12] = [0, 1, 2, 3, 0, 1, 4, 2, 0, 1, 3, 5];
/// How the racks of an offering are paid for, in turn; the third offering is owned or committed throughout.
const TIERS: [CapacityType; 6] = [
    CapacityType::BareMetal,
    CapacityType::OnDemand,
    CapacityType::Reserved,
    CapacityType::Spot,
    CapacityType::Reserved,
    CapacityType::OnDemand,
];
/// The offering that is owned throughout and asked for less than there is of it.
const PLENTIFUL: usize = 3;

/// What one need of a kind asks: machines of an offering.
#[derive(Clone, Copy)]
enum Ask {
    /// A gang that half a machine holds.
    SmallGang(usize),
    /// A gang of eight machines in a rack.
    RackGang(usize),
    /// Machines anywhere.
    Plain(usize, u64),
}

/// What the needs of each of fifty kinds ask.
fn ask(kind: usize) -> Ask {
    match kind {
        0..5 => Ask::SmallGang(1),
        5..10 => Ask::RackGang(4),
        10..12 => Ask::RackGang(5),
        12..18 => Ask::Plain(5, 24),
        18..20 => Ask::Plain(4, 22),
        20..26 => Ask::Plain(PLENTIFUL, 23),
        26..35 => Ask::Plain(0, 24),
        35..44 => Ask::Plain(1, 24),
        _ => Ask::Plain(2, 29),
    }
}

/// How large the world is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Placements that its whole demand takes from cold, at least.
    pub(crate) placements: usize,
}

impl Size {
    /// How many machines there are.
    pub(crate) fn machines(self) -> usize {
        self.placements * MACHINES_PER_CENT / 100
    }

    /// How many needs there are before the burst.
    pub(crate) fn needs(self) -> usize {
        self.placements / 20
    }

    /// How many more come with the burst.
    pub(crate) fn burst_needs(self) -> usize {
        self.needs() / 10
    }
}

/// The fleet from cold, with the demand before the burst, and the gang that fits nowhere.
pub(crate) fn cold(size: Size) -> (World, NeedKey) {
    let mut world = World::empty();
    add_machines(&mut world, size.machines());
    let mut hopeless = None;
    for at in 0..size.needs() {
        let is_hopeless = at % 50 == 5 && hopeless.is_none();
        let key = add_need(&mut world, at, is_hopeless);
        hopeless = hopeless.or(is_hopeless.then_some(key));
    }
    assert_eq!((world.fleet.len(), world.demand.len()), (size.machines(), size.needs()));
    (world, hopeless.expect("one gang fits nowhere"))
}

/// Adds the needs of the burst: twenty machines each.
pub(crate) fn add_burst(world: &mut World, size: Size) {
    for at in 0..size.burst_needs() {
        let cluster = at / (PER_CLUSTER / 10);
        let cluster = world.fleet.words.cluster(&format!("cluster-{cluster}"));
        // Above every penalty of the needs that are there, and told apart like those.
        let within = at % (PER_CLUSTER / 10);
        let bucket = Bucket::covering(MicroUsd::from_usd(1 << (7 + within / 8)));
        let profile = profile(world, at % 2, None, false, PRIORITIES[within / 2 % 4], bucket);
        let key = world.key(cluster, &profile, None);
        plain(world, key, at % 2, 20);
    }
    assert_eq!(world.demand.len(), size.needs() + size.burst_needs());
}

/// What the world promises once it has settled; from cold nothing is bound yet.
pub(crate) fn promise(hopeless: NeedKey, is_cold: bool) -> Promise<'static> {
    const ALL: [State; 3] = [State::Idle, State::Speculative, State::Configured];
    let states = if is_cold { &ALL[..2] } else { &ALL[..] };
    Promise { states, capacity_types: 4, priorities: &PRIORITIES, hopeless }
}

fn add_machines(world: &mut World, machines: usize) {
    for rack in 0..machines.div_ceil(PER_RACK) {
        let which = RACKS[rack % RACKS.len()];
        let offering = OFFERINGS[which];
        let tier = if which == PLENTIFUL { rack / RACKS.len() % 2 * 2 } else { rack / RACKS.len() % TIERS.len() };
        let capacity_type = TIERS[tier];
        let resources = world.resources(offering.cpu_milli, offering.mib, offering.gpus);
        let words = &mut world.fleet.words;
        let shape = Shape {
            provider: words.symbol("sim"),
            instance_type: Some(words.symbol(offering.name)),
            zone: Some(words.symbol(["a", "b", "c"][rack % 7 % 3])),
            capacity_type,
            price: MicroUsd(offering.microusd_per_hour),
            interruption: Ppb(if capacity_type == CapacityType::Spot { 20_000_000 } else { 0 }),
            resources,
            labels: vec![(words.symbol(RACK_KEY), words.symbol(&format!("rack-{rack}")))],
        };
        let state = if capacity_type.is_elastic() { State::Speculative } else { State::Idle };
        for _ in 0..PER_RACK.min(machines - rack * PER_RACK) {
            world.add(&shape, |machine| machine, state);
        }
    }
}

fn add_need(world: &mut World, at: usize, is_hopeless: bool) -> NeedKey {
    let (kind, rank) = (at % 50, at / 50 % (PER_CLUSTER / 50));
    let cluster = world.fleet.words.cluster(&format!("cluster-{}", at / PER_CLUSTER));
    // Told apart by what they ask: twenty needs of a kind in a cluster, at four priorities and five penalties.
    let bucket = Bucket::covering(MicroUsd::from_usd(1 << (rank / PRIORITIES.len())));
    let priority = PRIORITIES[rank % PRIORITIES.len()];
    let group = format!("gang-{at}");
    match ask(kind) {
        Ask::SmallGang(which) => {
            let rack = world.same_rack();
            let profile = profile(world, which, Some(rack), false, priority, bucket);
            let key = world.key(cluster, &profile, Some(&group));
            let unit = world.resources(OFFERINGS[which].cpu_milli / 8, OFFERINGS[which].mib / 8, 0);
            world.ask(key, unit, 4);
            key
        }
        Ask::RackGang(which) => {
            let rack = world.same_rack();
            let profile = profile(world, which, Some(rack), false, priority, bucket);
            let key = world.key(cluster, &profile, Some(&group));
            let offering = OFFERINGS[which];
            let unit = world.resources(offering.cpu_milli, offering.mib, offering.gpus);
            world.ask(key, unit, if is_hopeless { 10_000 } else { 8 });
            key
        }
        Ask::Plain(which, machines) => {
            // Kinds that are alike but for their number differ in what taking a machine back costs.
            let mut profile = profile(world, which, None, kind % 2 == 0, priority, bucket);
            profile.reclamation = Bucket::covering(MicroUsd::from_usd(1 << (kind % 12)));
            let key = world.key(cluster, &profile, None);
            plain(world, key, which, machines);
            key
        }
    }
}

fn plain(world: &mut World, key: NeedKey, which: usize, machines: u64) {
    let offering = OFFERINGS[which];
    let unit = world.resources(offering.cpu_milli / 2, offering.mib / 2, offering.gpus / 2);
    world.ask(key, unit, machines * 2);
}

fn profile(
    world: &mut World,
    which: usize,
    same: Option<Requirement>,
    is_spread: bool,
    priority: i32,
    bucket: Bucket,
) -> Profile {
    let words = &mut world.fleet.words;
    let types = vec![words.symbol(OFFERINGS[which].name)];
    let mut asks = vec![Requirement { key: words.symbol(INSTANCE_TYPE_KEY), operator: Operator::In, values: types }];
    asks.extend(same);
    let spread = is_spread.then(|| Spread { key: words.symbol(ZONE_KEY), max_skew: 2 });
    Profile::new(asks, spread, priority, bucket, bucket)
}

/// Grows or shrinks `most` needs by one machine each, beginning with the `first`th.
pub(crate) fn wobble(world: &mut World, keys: &[NeedKey], first: usize, most: usize, grows: bool) {
    for key in keys.iter().cycle().skip(first % keys.len()).take(most) {
        let need = world.demand.get(key).expect("a need that was asked for stands").clone();
        let mut aggregate = need.aggregate.clone();
        let machine = need.min_unit.times(2);
        if grows {
            aggregate.add(&machine)
        } else {
            aggregate.subtract(&machine)
        }
        world.demand.put(*key, aggregate, need.min_unit, world.now, &world.fleet.words);
    }
}
