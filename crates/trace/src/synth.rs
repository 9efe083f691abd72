//! Look-alikes: traces of any size with the marginals of a real one.
//!
//! Node shapes and task classes follow their shares to the unit; sizes, lifetimes and arrivals are drawn from quantiles.
//! CPU and memory of a task share one draw, since large tasks are large in both. Everything follows from one seed.

use argosy_workload::catalogue::sizing::apportion;
use argosy_workload::dice::{Dice, PPM};

use super::marginals::{Arrivals, ClassShare, DAY_MS, LIFE_RANKS, Marginals};
use super::problems::TraceError;
use super::{MILLI_PER_GPU, Node, NodeShape, Phase, Qos, Task, Trace};

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynthSpec {
    /// How many nodes.
    pub nodes: u64,
    /// How many tasks.
    pub tasks: u64,
    /// Decides everything that is drawn.
    pub seed: u64,
}

/// The statistics that ship: those of the openb trace.
///
/// # Errors
/// Never for the file that ships; a test reads it.
pub fn shipped_marginals() -> Result<Marginals, TraceError> {
    Marginals::parse("openb-marginals.toml", include_str!("../data/openb-marginals.toml"))
}

/// Makes a trace.
pub fn trace(spec: &SynthSpec, marginals: &Marginals) -> Trace {
    let mut tasks = tasks(spec, marginals);
    tasks.sort_by(|a, b| (a.arrival_ms, &a.name).cmp(&(b.arrival_ms, &b.name)));
    Trace { nodes: nodes(spec, marginals), tasks }
}

fn nodes(spec: &SynthSpec, marginals: &Marginals) -> Vec<Node> {
    let shares: Vec<u128> = marginals.nodes.iter().map(|shape| u128::from(shape.share_ppm)).collect();
    let mut shapes: Vec<NodeShape> = Vec::new();
    for (shape, count) in marginals.nodes.iter().zip(apportion(spec.nodes, &shares)) {
        let shape = NodeShape {
            model: shape.model.clone(),
            gpus: shape.gpus,
            cpu_milli: shape.cpu_milli,
            memory_mib: shape.memory_mib,
        };
        shapes.extend((0..count).map(|_| shape.clone()));
    }
    shuffle(&mut shapes, &mut Dice::new(spec.seed, "synth/nodes"));
    let named = |(at, shape)| Node { name: format!("synth-node-{at:06}"), shape };
    shapes.into_iter().enumerate().map(named).collect()
}

fn tasks(spec: &SynthSpec, marginals: &Marginals) -> Vec<Task> {
    let shares: Vec<u128> = marginals.tasks.iter().map(|class| u128::from(class.share_ppm)).collect();
    let counts = apportion(spec.tasks, &shares);
    let of_class = marginals.tasks.iter().zip(counts);
    let mut classes: Vec<&ClassShare> = Vec::new();
    for (class, count) in of_class {
        classes.extend((0..count).map(|_| class));
    }
    shuffle(&mut classes, &mut Dice::new(spec.seed, "synth/classes"));
    let mut arrivals = ArrivalDraw::new(&marginals.arrivals, spec.seed);
    let mut dice = Dice::new(spec.seed, "synth/tasks");
    let drawn = classes.into_iter().enumerate();
    drawn.map(|(at, class)| task(at, class, arrivals.draw(), marginals, &mut dice)).collect()
}

fn task(at: usize, class: &ClassShare, arrival_ms: u64, marginals: &Marginals, dice: &mut Dice) -> Task {
    let size = dice.bits();
    let gpu_milli = match class.gpus {
        0 => 0,
        _ if class.fractional => quantile(&class.gpu_milli, dice.bits()).clamp(1, MILLI_PER_GPU - 1),
        _ => MILLI_PER_GPU,
    };
    let qos = Qos::ALL[dice.weighted(class.qos_ppm.into_iter()).unwrap_or(0)];
    let (lifetime_s, phase) = life(qos, marginals, dice);
    Task {
        name: format!("synth-task-{at:07}"),
        cpu_milli: quantile(&class.cpu_milli, size),
        memory_mib: quantile(&class.memory_mib, size),
        gpus: class.gpus,
        gpu_milli,
        models: if class.gpus == 0 { Vec::new() } else { models(marginals, class.gpus, dice) },
        qos,
        phase,
        arrival_ms,
        lifetime_ms: Some(lifetime_s * 1_000),
    }
}

fn life(qos: Qos, marginals: &Marginals, dice: &mut Dice) -> (u64, Phase) {
    let Some(of_class) = marginals.lifetimes.iter().find(|one| one.qos == qos.label()) else {
        return (0, Phase::Unknown);
    };
    let seconds = lifetime(&of_class.seconds, dice);
    let phase = Phase::ALL[dice.weighted(of_class.phase_ppm.into_iter()).unwrap_or(1)];
    (seconds, phase)
}

/// A lifetime: between two quantiles it is drawn geometrically, for lifetimes span six orders of magnitude.
fn lifetime(seconds: &[u64], dice: &mut Dice) -> u64 {
    let rank = dice.below(1_000);
    let upper = LIFE_RANKS.partition_point(|upto| *upto <= rank);
    let (mut low, mut high) = (seconds[upper - 1] + 1, seconds[upper] + 1);
    for _ in 0..16 {
        let middle = low.saturating_mul(high).isqrt();
        if dice.chance(PPM / 2) {
            high = middle;
        } else {
            low = middle;
        }
    }
    low - 1
}

/// The models a task is restricted to, if any. A set of which no node has GPUs enough is no restriction anybody writes.
fn models(marginals: &Marginals, gpus: u64, dice: &mut Dice) -> Vec<String> {
    let restricted: u64 = marginals.gpu_specs.iter().map(|spec| spec.share_ppm).sum();
    let free = u64::from(PPM).saturating_sub(restricted);
    let weights = std::iter::once(free).chain(marginals.gpu_specs.iter().map(|spec| spec.share_ppm));
    let chosen = dice.weighted(weights).unwrap_or(0);
    let models = chosen.checked_sub(1).map_or(Vec::new(), |at| marginals.gpu_specs[at].models.clone());
    let holds = |model: &String| marginals.nodes.iter().any(|node| node.model == *model && node.gpus >= gpus);
    if models.iter().any(holds) { models } else { Vec::new() }
}

/// The value at `position` (out of 2^64) of a table of quantiles: one of its steps, not between two, because sizes and
/// shares come in steps.
fn quantile(table: &[u64], position: u64) -> u64 {
    let steps = table.len() as u64 - 1;
    let at = (u128::from(position) * u128::from(steps) + (1 << 63)) >> 64;
    table[usize::try_from(at).unwrap_or(0)]
}

/// Times of arrival: days and hours weighted by their burstiness, even within an hour.
struct ArrivalDraw {
    dice: Dice,
    lead_ms: u64,
    lead_ppm: u32,
    /// Weights of the busy hours, summed up, in order.
    cumulated: Vec<u64>,
}

impl ArrivalDraw {
    fn new(arrivals: &Arrivals, seed: u64) -> Self {
        let mut shape = Dice::new(seed, "synth/days");
        let mut days = spread_over(&arrivals.day_milli, arrivals.busy_days);
        shuffle(&mut days, &mut shape);
        let mut sum = 0_u64;
        let mut cumulated = Vec::new();
        for day_milli in days {
            for share_ppm in &arrivals.hour_of_day_ppm {
                sum += day_milli * share_ppm / 1_000 * quantile(&arrivals.hour_milli, shape.bits());
                cumulated.push(sum);
            }
        }
        Self {
            dice: Dice::new(seed, "synth/arrivals"),
            lead_ms: arrivals.lead_days * DAY_MS,
            lead_ppm: u32::try_from(arrivals.lead_ppm).unwrap_or(PPM),
            cumulated,
        }
    }

    fn draw(&mut self) -> u64 {
        const HOUR_S: u64 = 3_600;
        let total = self.cumulated.last().copied().unwrap_or(0);
        if total == 0 || (self.lead_ms > 0 && self.dice.chance(self.lead_ppm)) {
            return self.dice.below(self.lead_ms.max(DAY_MS) / 1_000) * 1_000;
        }
        let at = self.dice.below(total);
        let hour = self.cumulated.partition_point(|upto| *upto <= at) as u64;
        self.lead_ms + (hour * HOUR_S + self.dice.below(HOUR_S)) * 1_000
    }
}

/// `count` values that have the given quantiles, the least and the greatest among them.
fn spread_over(table: &[u64], count: u64) -> Vec<u64> {
    let step = u64::MAX / count.saturating_sub(1).max(1);
    (0..count).map(|at| quantile(table, at * step)).collect()
}

fn shuffle<T>(items: &mut [T], dice: &mut Dice) {
    for at in (1..items.len()).rev() {
        let other = usize::try_from(dice.below(at as u64 + 1)).unwrap_or(0);
        items.swap(at, other);
    }
}

#[cfg(test)]
mod tests;
