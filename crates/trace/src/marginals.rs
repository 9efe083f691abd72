//! Aggregate statistics of a trace: histograms and quantiles, never a row.
//!
//! They are what [`super::synth`] draws from, what `argosy-lab trace stats` prints, and what ships in place of the trace.
//! Shares are parts per million; quantiles are [`QUANTILES`] evenly spaced ones from the least to the greatest. Lifetimes
//! have more of them towards the end: few tasks live long, and those hold most of the GPUs.

use std::collections::BTreeMap;
use std::path::Path;

use argosy_workload::catalogue::sizing::apportion;
use argosy_workload::dice::PPM;
use serde::{Deserialize, Serialize};

use super::problems::TraceError;
use super::{MILLI_PER_GPU, NodeShape, Phase, Qos, Task, Trace};

/// Quantiles in a table.
pub const QUANTILES: usize = 41;
/// The ranks of the quantiles of lifetimes, in thousandths.
pub const LIFE_RANKS: [u64; 46] = {
    let mut ranks = [0; 46];
    let mut at = 0;
    while at < 40 {
        ranks[at] = at as u64 * 25;
        at += 1;
    }
    [ranks[40], ranks[41], ranks[42], ranks[43], ranks[44], ranks[45]] = [980, 985, 990, 995, 999, 1_000];
    ranks
};
/// Classes of service with fewer tasks have the lifetimes of all tasks.
const FEWEST_FOR_QUANTILES: usize = 50;
/// Milliseconds in a day.
pub(super) const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// All statistics of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marginals {
    /// What it was measured on, for people.
    pub source: String,
    /// Arrivals over time.
    pub arrivals: Arrivals,
    /// Node shapes.
    pub nodes: Vec<ShapeShare>,
    /// Task classes by GPU.
    pub tasks: Vec<ClassShare>,
    /// Lifetimes by class of service.
    pub lifetimes: Vec<Lifetimes>,
    /// Sets of GPU models that tasks with a GPU are restricted to; what is missing to a million has no restriction.
    pub gpu_specs: Vec<SpecShare>,
}

/// A node shape and its share of the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeShare {
    /// Share of the nodes.
    pub share_ppm: u64,
    /// GPU model, empty without.
    pub model: String,
    /// GPUs.
    pub gpus: u64,
    /// CPU in thousandths of a core.
    pub cpu_milli: u64,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// Tasks with so many GPUs, or with a share of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassShare {
    /// Share of the tasks.
    pub share_ppm: u64,
    /// GPUs.
    pub gpus: u64,
    /// Whether they take a share of a single GPU.
    pub fractional: bool,
    /// Quantiles of the share, in thousandths of a GPU; empty when whole GPUs are taken.
    pub gpu_milli: Vec<u64>,
    /// Quantiles of CPU.
    pub cpu_milli: Vec<u64>,
    /// Quantiles of memory.
    pub memory_mib: Vec<u64>,
    /// Shares of the classes of service: BE, Burstable, Guaranteed, LS.
    pub qos_ppm: [u64; 4],
}

/// Lifetimes of a class of service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifetimes {
    /// The class of service as the trace spells it.
    pub qos: String,
    /// Quantiles of the lifetime in seconds, at [`LIFE_RANKS`].
    pub seconds: Vec<u64>,
    /// Shares of the phases: Pending, Running, Succeeded, Failed, Unknown.
    pub phase_ppm: [u64; 5],
}

/// A set of GPU models and how many tasks are restricted to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecShare {
    /// Share of the tasks with a GPU.
    pub share_ppm: u64,
    /// The models, sorted.
    pub models: Vec<String>,
}

/// Arrivals over time: a long quiet lead, then the days that matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrivals {
    /// Days before the first with at least a tenth of the busiest day's arrivals.
    pub lead_days: u64,
    /// Days from there to the last arrival.
    pub busy_days: u64,
    /// Share of the tasks that arrive in the lead.
    pub lead_ppm: u64,
    /// Share of the busy arrivals by hour of the day.
    pub hour_of_day_ppm: Vec<u64>,
    /// Quantiles of a busy day's arrivals, against the mean day's, in thousandths: how bursty days are.
    pub day_milli: Vec<u64>,
    /// Quantiles of an hour's arrivals, against what its day and its hour of the day let expect, in thousandths.
    pub hour_milli: Vec<u64>,
}

impl Marginals {
    /// Measures a trace.
    pub fn measure(trace: &Trace, source: &str) -> Self {
        Self {
            source: source.to_owned(),
            arrivals: Arrivals::measure(&trace.tasks),
            nodes: shapes(trace),
            tasks: classes(&trace.tasks),
            lifetimes: Qos::ALL.into_iter().map(|qos| lifetimes(&trace.tasks, qos)).collect(),
            gpu_specs: specs(&trace.tasks),
        }
    }

    /// Reads a table from a file.
    ///
    /// # Errors
    /// The file cannot be read, or is no table.
    pub fn read(path: &Path) -> Result<Self, TraceError> {
        let unreadable = |source| TraceError::Unreadable { path: path.to_owned(), source };
        Self::parse(&path.display().to_string(), &std::fs::read_to_string(path).map_err(unreadable)?)
    }

    /// Reads a table; `file` is what messages call it.
    ///
    /// # Errors
    /// [`TraceError::Marginals`] with the place.
    pub fn parse(file: &str, text: &str) -> Result<Self, TraceError> {
        let bad = |reason: String| TraceError::Marginals { file: file.to_owned(), reason };
        let marginals: Self = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        marginals.check().map_err(bad)?;
        Ok(marginals)
    }

    /// As a file that [`Self::parse`] reads.
    ///
    /// # Errors
    /// Never for a measured table: every value of it can be written.
    pub fn to_toml(&self) -> Result<String, TraceError> {
        let bad =
            |error: toml::ser::Error| TraceError::Marginals { file: self.source.clone(), reason: error.to_string() };
        toml::to_string(self).map_err(bad)
    }

    /// What drawing relies on.
    fn check(&self) -> Result<(), String> {
        let rising = |list: &Vec<u64>| !list.is_empty() && list.is_sorted();
        if self.nodes.is_empty() || self.tasks.is_empty() {
            return Err("it has no node shape or no task class".to_owned());
        }
        for class in &self.tasks {
            let gpu = if class.fractional { rising(&class.gpu_milli) } else { class.gpu_milli.is_empty() };
            if !gpu || !rising(&class.cpu_milli) || !rising(&class.memory_mib) {
                return Err(format!("the quantiles of the class with {} GPUs are missing or do not rise", class.gpus));
            }
        }
        for qos in Qos::ALL {
            let found = self.lifetimes.iter().find(|one| one.qos == qos.label());
            if !found.is_some_and(|one| one.seconds.len() == LIFE_RANKS.len() && one.seconds.is_sorted()) {
                return Err(format!(
                    "the lifetimes of {} are missing, are not {} or do not rise",
                    qos.label(),
                    LIFE_RANKS.len()
                ));
            }
        }
        let arrivals = &self.arrivals;
        let days = rising(&arrivals.day_milli) && rising(&arrivals.hour_milli) && arrivals.busy_days > 0;
        if !days || arrivals.hour_of_day_ppm.len() != 24 || arrivals.lead_ppm > u64::from(PPM) {
            return Err("the arrivals lack busy days, 24 hours of the day, or rising quantiles".to_owned());
        }
        Ok(())
    }
}

fn shapes(trace: &Trace) -> Vec<ShapeShare> {
    let shares = shares(trace.nodes.iter().map(|node| node.shape.clone()));
    shares
        .into_iter()
        .map(|(NodeShape { model, gpus, cpu_milli, memory_mib }, share_ppm)| ShapeShare {
            share_ppm,
            model,
            gpus,
            cpu_milli,
            memory_mib,
        })
        .collect()
}

/// The class of a task: its GPUs, and whether it takes a share of one.
pub(super) fn class_of(task: &Task) -> (u64, bool) {
    (task.gpus, task.gpus == 1 && task.gpu_milli < MILLI_PER_GPU)
}

fn classes(tasks: &[Task]) -> Vec<ClassShare> {
    let shares = shares(tasks.iter().map(class_of));
    shares
        .into_iter()
        .map(|((gpus, fractional), share_ppm)| {
            let of_it: Vec<&Task> = tasks.iter().filter(|task| class_of(task) == (gpus, fractional)).collect();
            let counts = Qos::ALL.map(|qos| of_it.iter().filter(|task| task.qos == qos).count() as u128);
            ClassShare {
                share_ppm,
                gpus,
                fractional,
                gpu_milli: if fractional { quantiles(of_it.iter().map(|task| task.gpu_milli)) } else { Vec::new() },
                cpu_milli: quantiles(of_it.iter().map(|task| task.cpu_milli)),
                memory_mib: quantiles(of_it.iter().map(|task| task.memory_mib)),
                qos_ppm: ppm_of(counts),
            }
        })
        .collect()
}

fn lifetimes(tasks: &[Task], qos: Qos) -> Lifetimes {
    let end_ms = tasks.iter().filter_map(Task::departure_ms).max().unwrap_or(0);
    let of_it: Vec<&Task> = tasks.iter().filter(|task| task.qos == qos).collect();
    let life_ms = |task: &&Task| task.lifetime_ms.unwrap_or_else(|| end_ms.saturating_sub(task.arrival_ms));
    let counts = Phase::ALL.map(|phase| of_it.iter().filter(|task| task.phase == phase).count() as u128);
    // Quantiles of a handful would be its rows.
    let enough = of_it.len() >= FEWEST_FOR_QUANTILES;
    let measured: Vec<&Task> = if enough { of_it } else { tasks.iter().collect() };
    let mut sorted: Vec<u64> = measured.iter().map(|task| life_ms(task) / 1_000).collect();
    sorted.sort_unstable();
    let seconds = LIFE_RANKS.iter().map(|rank| {
        let at = (rank * sorted.len().saturating_sub(1) as u64 + 500) / 1_000;
        usize::try_from(at).ok().and_then(|at| sorted.get(at)).copied().unwrap_or(0)
    });
    let seconds = seconds.collect();
    Lifetimes { qos: qos.label().to_owned(), seconds, phase_ppm: ppm_of(counts) }
}

fn specs(tasks: &[Task]) -> Vec<SpecShare> {
    let sets = shares(tasks.iter().filter(|task| task.gpus > 0).map(|task| task.models.clone()));
    let restricted = sets.into_iter().filter(|(models, _)| !models.is_empty());
    restricted.map(|(models, share_ppm)| SpecShare { share_ppm, models }).collect()
}

impl Arrivals {
    fn measure(tasks: &[Task]) -> Self {
        let mut by_hour: BTreeMap<u64, u64> = BTreeMap::new();
        let mut by_day: BTreeMap<u64, u64> = BTreeMap::new();
        for task in tasks {
            *by_hour.entry(task.arrival_ms / HOUR_MS).or_default() += 1;
            *by_day.entry(task.arrival_ms / DAY_MS).or_default() += 1;
        }
        let busiest = by_day.values().max().copied().unwrap_or(0);
        let lead_days = by_day.iter().find(|(_, count)| **count * 10 >= busiest).map_or(0, |(day, _)| *day);
        let busy_days = by_day.last_key_value().map_or(1, |(day, _)| day + 1 - lead_days);
        let of_day = |day: u64| by_day.get(&day).copied().unwrap_or(0);
        let of_hour = |day: u64, hour: u64| by_hour.get(&(day * 24 + hour)).copied().unwrap_or(0);
        let days = lead_days..lead_days + busy_days;
        let busy: u64 = days.clone().map(of_day).sum();
        let hours: Vec<u64> = (0..24).map(|hour| days.clone().map(|day| of_hour(day, hour)).sum()).collect();
        let relative = |count: u64, expected: u64, scale: u64| match expected {
            0 => None,
            _ => Some(count * 1_000 * scale / expected),
        };
        let day_milli = quantiles(days.clone().filter_map(|day| relative(of_day(day), busy, busy_days)));
        let in_hours = days.flat_map(|day| (0..24).map(move |hour| (day, hour)));
        let hour_milli = in_hours.filter_map(|(day, hour)| {
            let expected = of_day(day) * hours[usize::try_from(hour).unwrap_or(0)];
            relative(of_hour(day, hour), expected, busy)
        });
        let ppm = |part: u64, whole: u64| part * u64::from(PPM) / whole.max(1);
        Self {
            lead_days,
            busy_days,
            lead_ppm: ppm(tasks.len() as u64 - busy, tasks.len() as u64),
            day_milli,
            hour_milli: quantiles(hour_milli),
            hour_of_day_ppm: apportion(u64::from(PPM), &hours.into_iter().map(u128::from).collect::<Vec<_>>()),
        }
    }
}

/// The distinct items with their share in parts per million, the most frequent first.
fn shares<T: Ord + Clone>(items: impl Iterator<Item = T>) -> Vec<(T, u64)> {
    let mut counts: BTreeMap<T, u128> = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    let ppm = apportion(u64::from(PPM), &counts.values().copied().collect::<Vec<_>>());
    let mut shares: Vec<(T, u64)> = counts.into_keys().zip(ppm).collect();
    shares.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    shares
}

fn ppm_of<const N: usize>(counts: [u128; N]) -> [u64; N] {
    let ppm = apportion(u64::from(PPM), &counts);
    std::array::from_fn(|at| ppm[at])
}

/// Evenly spaced quantiles from the least to the greatest; empty for nothing.
pub(super) fn quantiles(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut sorted: Vec<u64> = values.collect();
    sorted.sort_unstable();
    let Some(last) = sorted.len().checked_sub(1) else { return Vec::new() };
    (0..QUANTILES).map(|at| sorted[(at * last + (QUANTILES - 1) / 2) / (QUANTILES - 1)]).collect()
}
