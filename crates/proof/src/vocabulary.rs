//! The few words of which cases are made: offerings, racks, conditions, topologies, priorities, pieces. Small on purpose, so
//! that machines and needs collide.

use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, RACK_KEY, ZONE_KEY};
use argosy_model::{
    Bucket, CapacityType, MicroUsd, Operator, Ppb, Profile, Requirement, Resources, Shape, ShapeIx, Spread, Sym,
    Vocabulary,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::case::NeedDraft;

/// Clusters.
pub const CLUSTERS: u8 = 4;
/// Racks; two to a zone.
pub const RACKS: u8 = 6;
/// Kinds of machine.
pub const OFFERINGS: u8 = 12;
/// Kinds of conditions.
pub const CONDITIONS: u8 = 12;
/// Kinds of topology; see [`is_spread`] and [`is_same`].
pub const TOPOLOGIES: u8 = 7;
/// Priorities.
pub const PRIORITIES: [i32; 6] = [100, 1_000, 0, 1_000_000, 100_000, -5];
/// Penalties, by the number of their bucket.
pub const PENALTIES: [i32; 5] = [1, 0, 2, 9, 27];
/// How many kinds of pieces there are.
pub const PIECES: u8 = 7;
/// Indivisible pieces: cpu, memory, gpu. The last asks for nothing.
pub const UNITS: [[u64; 3]; PIECES as usize] =
    [[1_000, 1, 0], [4_000, 8, 0], [2_000, 24, 0], [12_000, 32, 0], [8_000, 8, 2], [4_000, 0, 0], [0, 0, 0]];

/// An offering: instance type, how it is paid for, price, risk, resources, and the value of its `arch` label.
type Offer = (Option<&'static str>, CapacityType, u64, u32, [u64; 3], Option<&'static str>);

const OFFERS: [Offer; OFFERINGS as usize] = [
    (Some("small"), CapacityType::BareMetal, 0, 0, [4_000, 16, 0], None),
    (Some("small"), CapacityType::OnDemand, 1_000_000, 0, [4_000, 16, 0], None),
    (Some("small"), CapacityType::Spot, 300_000, 100_000_000, [4_000, 16, 0], None),
    (Some("large"), CapacityType::Reserved, 4_000_000, 0, [16_000, 64, 0], None),
    (Some("large"), CapacityType::OnDemand, 4_000_000, 50_000, [16_000, 64, 0], None),
    (Some("large"), CapacityType::Spot, 1_200_000, 20_000_000, [16_000, 64, 0], Some("arm")),
    (Some("gpu"), CapacityType::BareMetal, 0, 0, [32_000, 128, 8], None),
    (Some("gpu"), CapacityType::OnDemand, 30_000_000, 0, [32_000, 128, 8], None),
    (Some("gpu"), CapacityType::Spot, 9_000_000, 200_000_000, [16_000, 64, 4], None),
    (None, CapacityType::Unspecified, 500_000, 0, [12_000, 24, 0], Some("arm")),
    (Some("large"), CapacityType::OnDemand, 3_000_000, 0, [24_000, 48, 0], Some("x86")),
    (Some("small"), CapacityType::Spot, 300_000, 100_000_000, [4_000, 16, 0], Some("x86")),
];

/// Whether a topology spreads.
pub fn is_spread(topology: u8) -> bool {
    matches!(topology, 1..=3)
}

/// Whether a topology asks for one domain.
pub fn is_same(topology: u8) -> bool {
    matches!(topology, 4..=6)
}

/// A machine's shape. Offering 9 has neither rack nor zone.
pub fn shape(words: &mut Vocabulary, offering: u8, rack: u8) -> Shape {
    let (instance, capacity_type, price, risk, amounts, arch) = OFFERS[usize::from(offering % OFFERINGS)];
    let rack = rack % RACKS;
    let is_placed = instance.is_some();
    let (rack_key, arch_key) = (words.symbol(RACK_KEY), words.symbol("arch"));
    let mut labels = Vec::new();
    if is_placed {
        labels.push((rack_key, words.symbol(&format!("r{rack}"))));
    }
    labels.extend(arch.map(|arch| (arch_key, words.symbol(arch))));
    labels.sort_unstable();
    Shape {
        provider: words.symbol("sim"),
        instance_type: instance.map(|name| words.symbol(name)),
        zone: is_placed.then(|| words.symbol(["a", "b", "c"][usize::from(rack / 2)])),
        capacity_type,
        price: MicroUsd(price),
        interruption: Ppb(risk),
        resources: resources(words, amounts),
        labels,
    }
}

/// The shapes of an instance type in a zone, or of all.
pub fn shapes(words: &mut Vocabulary, instance: Option<u8>, zone: Option<u8>) -> Vec<ShapeIx> {
    let instance = instance.map(|which| words.symbol(["small", "large", "gpu"][usize::from(which % 3)]));
    let zone = zone.map(|which| words.symbol(["a", "b", "c"][usize::from(which % 3)]));
    let all = (0..OFFERINGS).flat_map(|offering| (0..RACKS).map(move |rack| (offering, rack)));
    let all: Vec<Shape> = all.map(|(offering, rack)| shape(words, offering, rack)).collect();
    let meant = all.into_iter().filter(|shape| {
        (instance.is_none() || shape.instance_type == instance) && (zone.is_none() || shape.zone == zone)
    });
    meant.map(|shape| words.shape(&shape)).collect()
}

fn resources(words: &mut Vocabulary, amounts: [u64; 3]) -> Resources {
    let dims = ["cpu", "memory", "gpu"].map(|name| words.dim(name));
    Resources::from_amounts(dims.into_iter().zip(amounts))
}

/// What a need asks in all, and its indivisible piece.
pub fn amounts(words: &mut Vocabulary, need: &NeedDraft) -> (Resources, Resources) {
    let unit = UNITS[usize::from(need.unit) % UNITS.len()];
    let is_free_form = unit == [0, 0, 0];
    let whole = if is_free_form { [3_000, 10, 0] } else { unit };
    let halves = u64::from(need.units) * 2 + u64::from(need.half);
    (resources(words, whole.map(|amount| amount * halves / 2)), resources(words, unit))
}

fn condition(words: &mut Vocabulary, key: &str, operator: Operator, values: &[&str]) -> Requirement {
    Requirement { key: words.symbol(key), operator, values: values.iter().map(|value| words.symbol(value)).collect() }
}

fn conditions(words: &mut Vocabulary, which: u8) -> Vec<Requirement> {
    use Operator::{DoesNotExist, Exists, In, NotIn};
    let kind = INSTANCE_TYPE_KEY;
    let asked: &[(&str, Operator, &[&str])] = match which % CONDITIONS {
        1 => &[(kind, In, &["small"])],
        2 => &[(kind, In, &["large"])],
        3 => &[(kind, In, &["gpu"])],
        4 => &[(kind, In, &["small", "large"])],
        5 => &[(kind, NotIn, &["gpu"])],
        6 => &[("arch", Exists, &[])],
        7 => &[("arch", DoesNotExist, &[])],
        8 => &[(ZONE_KEY, In, &["a", "b"])],
        9 => &[(kind, In, &["large"]), (ZONE_KEY, NotIn, &["b"])],
        10 => &[(RACK_KEY, Exists, &[]), ("arch", NotIn, &["arm"])],
        _ => &[],
    };
    asked.iter().map(|(key, operator, values)| condition(words, key, *operator, values)).collect()
}

/// What a need asks.
pub fn profile(words: &mut Vocabulary, need: &NeedDraft) -> Profile {
    let mut requirements = conditions(words, need.conditions);
    let (rack, zone): (Sym, Sym) = (words.symbol(RACK_KEY), words.symbol(ZONE_KEY));
    let mut spread = None;
    match need.topology % TOPOLOGIES {
        1 => spread = Some(Spread { key: zone, max_skew: 1 }),
        2 => spread = Some(Spread { key: rack, max_skew: 2 }),
        3 => spread = Some(Spread { key: zone, max_skew: 3 }),
        4 => requirements.push(condition(words, RACK_KEY, Operator::Same, &[])),
        5 => requirements.push(condition(words, ZONE_KEY, Operator::Same, &[])),
        6 => requirements.push(condition(words, RACK_KEY, Operator::Same, &["r0", "r1", "r4"])),
        _ => {}
    }
    let bucket =
        |which: u8| Bucket::from_number(PENALTIES[usize::from(which) % PENALTIES.len()]).expect("a bucket of the wire");
    let priority = PRIORITIES[usize::from(need.priority) % PRIORITIES.len()];
    Profile::new(requirements, spread, priority, bucket(need.interruption), bucket(need.reclamation))
}

/// All words, the shapes first seen in an order of their own. Clones share structure, so a case costs no interning.
pub fn words(first_sight: u64) -> Vocabulary {
    let mut words = Vocabulary::default();
    let mut rng = ChaCha8Rng::seed_from_u64(first_sight);
    let mut order: Vec<(u32, u8, u8)> =
        (0..OFFERINGS).flat_map(|offering| (0..RACKS).map(move |rack| (0, offering, rack))).collect();
    for (key, _, _) in &mut order {
        *key = rng.next_u32();
    }
    order.sort_unstable();
    for (_, offering, rack) in order {
        let shape = shape(&mut words, offering, rack);
        words.shape(&shape);
    }
    words
}
