//! A seed's own campaign: its world's shape and its faults.

use std::time::Duration;

use argosy_failpoint::Planted;
use argosy_workload::dice::Dice;
use serde::{Deserialize, Serialize};

use super::{Event, Fault, Lie, ProviderFaults};
use crate::arming::Arming;
use crate::layout::{Layout, Shape};

/// A world to be run: its shape, how long its faults strike, and which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// The world.
    pub shape: Shape,
    /// How long it runs before everything is healed.
    pub safety: Duration,
    /// What goes wrong.
    pub events: Vec<Event>,
    /// What the product does often that it does seldom.
    pub failpoints: Arming,
    /// A bug that every node has, to see that it is found.
    #[serde(with = "by_name")]
    pub planted: Option<Planted>,
}

/// A planted bug goes by its name.
mod by_name {
    use argosy_failpoint::Planted;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(bug: &Option<Planted>, serializer: S) -> Result<S::Ok, S::Error> {
        bug.map(Planted::name).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Planted>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        let bug = |name: String| Planted::named(&name).ok_or_else(|| D::Error::custom(format!("no bug '{name}'")));
        name.map(bug).transpose()
    }
}

/// Faults begin so long after the world, so that there is something to break.
const QUIET_MS: u64 = 5_000;

/// Faults of node agents begin so far apart, on average.
const AGENT_FAULTS_EVERY_MS: u64 = 40_000;

/// Draws the campaign of a seed.
#[must_use]
pub fn draw(seed: u64, safety: Duration) -> Campaign {
    let mut dice = Dice::new(seed, "campaign");
    let shape = draw_shape(&mut dice);
    let layout = Layout::new(shape.clone(), seed);
    let safety_ms = u64::try_from(safety.as_millis()).unwrap_or(u64::MAX).max(2 * QUIET_MS);
    // From a rare fault a minute to one every few seconds: some bugs need calm between two blows, others need none.
    let mean_gap_ms = [2_000, 5_000, 10_000, 30_000][pick(&mut dice, 4)];
    let mut events = Vec::new();
    let mut at_ms = QUIET_MS;
    let mut losses = (shape.nodes - 1) / 2;
    loop {
        at_ms += dice.exponential(mean_gap_ms).max(50);
        if at_ms + 1_000 >= safety_ms {
            break;
        }
        let longest = (safety_ms - at_ms).min(40_000);
        let for_ms = dice.exponential(6_000).clamp(100, longest);
        let fault = draw_fault(&mut dice, &layout, &mut losses);
        events.push(Event { at_ms, for_ms, fault });
    }
    events.extend(draw_agents(seed, &layout, safety_ms));
    events.extend(draw_doubt(seed, &layout, safety_ms));
    events.extend(draw_laggards(seed, safety_ms));
    events.sort_by_key(|event| event.at_ms);
    Campaign { shape, safety, events, failpoints: Arming::draw(seed), planted: None }
}

/// Faults of node agents come on top of all others, now and then, from a stream of chance of their own.
fn draw_agents(seed: u64, layout: &Layout, safety_ms: u64) -> Vec<Event> {
    let mut dice = Dice::new(seed, "campaign/agents");
    let regions = layout.regions();
    let mut events = Vec::new();
    let mut at_ms = QUIET_MS;
    loop {
        at_ms += dice.exponential(AGENT_FAULTS_EVERY_MS).max(50);
        if at_ms + 1_000 >= safety_ms {
            return events;
        }
        let region = regions[pick(&mut dice, regions.len())].clone();
        let for_ms = dice.exponential(6_000).clamp(100, safety_ms - at_ms);
        let fault = match dice.below(2) {
            0 => Fault::AgentsGone { region },
            _ => Fault::AgentStorm { events: [5, 50, 300][pick(&mut dice, 3)] },
        };
        events.push(Event { at_ms, for_ms, fault });
    }
}

/// One world in so many is one of calls in doubt.
const DOUBT_IN: u64 = 3;
/// Faults of such a world begin so far apart, on average.
const DOUBT_EVERY_MS: u64 = 4_000;

/// In some worlds the provider is what fails most: calls are carried out and not answered, or answered late, listings are old when they come, and
/// leaders go and come back meanwhile.
fn draw_doubt(seed: u64, layout: &Layout, safety_ms: u64) -> Vec<Event> {
    let mut dice = Dice::new(seed, "campaign/doubt");
    let mut events = Vec::new();
    if dice.below(DOUBT_IN) > 0 {
        return events;
    }
    let regions = layout.regions();
    let mut at_ms = QUIET_MS;
    loop {
        at_ms += dice.exponential(DOUBT_EVERY_MS).max(50);
        if at_ms + 1_000 >= safety_ms {
            return events;
        }
        let for_ms = dice.exponential(6_000).clamp(500, safety_ms - at_ms);
        let region = regions[pick(&mut dice, regions.len())].clone();
        let (fault, for_ms) = match dice.below(10) {
            0..=3 => (Fault::Provider(draw_doubtful(&mut dice)), for_ms),
            4 => (Fault::Crash { node: "leader".to_owned() }, for_ms.min(2_000)),
            5 | 6 => (Fault::Waver, 0),
            7 => (Fault::Vanish { share_ppm: 100_000 }, 0),
            8 => (Fault::OperatorsGone { region }, for_ms),
            _ => (Fault::ExpireCursors, 0),
        };
        events.push(Event { at_ms, for_ms, fault });
    }
}

/// One world in so many has followers that fall far behind.
const LAGGARDS_IN: u64 = 3;
/// That happens so far apart, on average.
const LAGGARDS_EVERY_MS: u64 = 14_000;
/// How long a follower is away, and when a snapshot is taken meanwhile: what it misses is purged by then.
const AWAY_MS: u64 = 10_000;
const SNAPSHOT_AFTER_MS: u64 = 8_000;

/// In some worlds followers are away until what they miss is in a snapshot only, and leaders stop in good order.
fn draw_laggards(seed: u64, safety_ms: u64) -> Vec<Event> {
    let mut dice = Dice::new(seed, "campaign/laggards");
    let mut events = Vec::new();
    if dice.below(LAGGARDS_IN) > 0 {
        return events;
    }
    let mut at_ms = QUIET_MS;
    loop {
        at_ms += dice.exponential(LAGGARDS_EVERY_MS).max(2_000);
        if at_ms + AWAY_MS >= safety_ms {
            return events;
        }
        if dice.chance(300_000) {
            events.push(Event { at_ms, for_ms: 2_000, fault: Fault::Stop { node: "leader".to_owned() } });
        } else {
            events.push(Event { at_ms, for_ms: AWAY_MS, fault: Fault::Crash { node: "follower".to_owned() } });
            events.push(Event { at_ms: at_ms + SNAPSHOT_AFTER_MS, for_ms: 0, fault: Fault::Snapshot });
        }
    }
}

/// A provider that carries calls out and leaves their callers in doubt.
fn draw_doubtful(dice: &mut Dice) -> ProviderFaults {
    let mut rate = |most: u64| if dice.chance(600_000) { u32::try_from(dice.below(most)).unwrap_or(0) } else { 0 };
    ProviderFaults {
        throttle_ppm: rate(500_000),
        lost_ack_ppm: rate(700_000),
        hang_ppm: rate(300_000),
        create_failure_ppm: rate(200_000),
        configure_failure_ppm: rate(200_000),
        ack_delay_ms: rate(8_000),
        list_delay_ms: rate(8_000),
        ..ProviderFaults::default()
    }
}

fn draw_shape(dice: &mut Dice) -> Shape {
    let nodes = [1, 3, 3, 3, 3, 5, 5][pick(dice, 7)];
    Shape {
        nodes,
        regions: [1, 3, 3, 5][pick(dice, 4)].min(nodes),
        shards: [1, 1, 2][pick(dice, 3)],
        clusters_per_shard: [1, 2, 3][pick(dice, 3)],
        machines: dice.between(30, 120),
        region_latency_ms: [2, 10, 30, 40][pick(dice, 4)],
        tick_ms: [2, 3, 5][pick(dice, 3)],
        sync_ms: [0, 1, 2, 5, 10][pick(dice, 5)],
        snapshot_every: [40, 100, 400][pick(dice, 3)],
        ..Shape::default()
    }
}

fn draw_fault(dice: &mut Dice, layout: &Layout, losses: &mut u32) -> Fault {
    let regions = layout.regions();
    let region = regions[pick(dice, regions.len())].clone();
    let node = target(dice, layout);
    match dice.below(34) {
        0 | 1 => Fault::Partition { nodes: side(dice, layout) },
        2 => Fault::Clog { nodes: side(dice, layout) },
        3 => Fault::Mute { nodes: vec![node] },
        4 => Fault::Deafen { nodes: vec![node] },
        5 => Fault::Ring,
        6 => Fault::IsolateRegion { region },
        7 => Fault::Loss { ppm: [100, 1_000, 10_000][pick(dice, 3)] },
        8 => Fault::Delay { ms: dice.between(5, 150) },
        9..=11 => Fault::Crash { node },
        12 => Fault::Stop { node },
        13 if *losses > 0 && dice.chance(300_000) => {
            *losses -= 1;
            Fault::Wipe { node }
        }
        14 => Fault::FailSync { node },
        15 => Fault::FullDisk { node },
        16 => Fault::SlowDisk { node, sync_ms: dice.between(20, 300) },
        17 if *losses > 0 && dice.chance(300_000) => {
            *losses -= 1;
            Fault::Rot { node }
        }
        18 => Fault::WallClock { by_s: [-5, 5, 31_536_000, -31_536_000][pick(dice, 4)] },
        19 | 20 => Fault::Provider(draw_provider(dice)),
        21 => Fault::Vanish { share_ppm: [20_000, 100_000, 400_000][pick(dice, 3)] },
        22 => Fault::StockOut,
        23 => Fault::OperatorsGone { region },
        24 if layout.nodes.len() > 1 => Fault::Remove { node },
        25 => Fault::Transfer { node },
        26 => Fault::Pause { node },
        27 => Fault::Swizzle { nodes: Vec::new() },
        28 => Fault::ClockDrift { ppm: [200, -200, 50_000][pick(dice, 3)] },
        29 if dice.chance(500_000) => Fault::ClockFreeze,
        29 => Fault::ClockStrobe { by_s: [5, 86_400][pick(dice, 2)] },
        30 => Fault::ProviderCrash,
        31 | 32 => Fault::LyingOperators { region, lies: vec![LIES[pick(dice, 4)], LIES[pick(dice, 4)]] },
        33 if *losses > 0 && dice.chance(300_000) => {
            *losses -= 1;
            Fault::Replace { node }
        }
        _ => Fault::Snapshot,
    }
}

const LIES: [Lie; 4] = [Lie::Empty, Lie::Truncated, Lie::Replayed, Lie::Renamed];

fn draw_provider(dice: &mut Dice) -> ProviderFaults {
    let mut rate = || if dice.chance(400_000) { u32::try_from(dice.below(300_000)).unwrap_or(0) } else { 0 };
    ProviderFaults {
        unavailable_ppm: rate(),
        throttle_ppm: rate(),
        lost_ack_ppm: rate(),
        hang_ppm: rate() / 4,
        create_failure_ppm: rate(),
        configure_failure_ppm: rate(),
        drain_failure_ppm: rate(),
        ack_delay_ms: rate() / 100,
        list_delay_ms: 0,
    }
}

/// A node, more often than not the one that leads.
fn target(dice: &mut Dice, layout: &Layout) -> String {
    match dice.below(4) {
        0 | 1 => "leader".to_owned(),
        2 => "follower".to_owned(),
        _ => layout.nodes[pick(dice, layout.nodes.len())].id.clone(),
    }
}

/// One side of a cut: any nodes but not all, or the leader alone.
fn side(dice: &mut Dice, layout: &Layout) -> Vec<String> {
    if dice.chance(400_000) {
        return vec!["leader".to_owned()];
    }
    let chosen = layout.nodes.iter().filter(|_| dice.chance(500_000)).map(|node| node.id.clone());
    let chosen: Vec<String> = chosen.collect();
    if chosen.is_empty() { vec!["any".to_owned()] } else { chosen }
}

fn pick(dice: &mut Dice, count: usize) -> usize {
    usize::try_from(dice.below(count as u64)).unwrap_or(0)
}
