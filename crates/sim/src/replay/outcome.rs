//! What a replay came to: figures, and the fleet as it was from time to time.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::check::Report;

/// The outcome. Made of virtual time alone: the same trace and seed give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replayed {
    /// Verdict, cycles, entries, virtual time and the hash of all decisions.
    #[serde(flatten)]
    pub report: Report,
    /// Of everything that was drawn.
    pub seed: u64,
    /// Machines of the inventory.
    pub machines: u64,
    /// Their GPUs.
    pub gpus: u64,
    /// Copies of the trace; the last may be a part of one.
    pub tiles: u32,
    /// Tasks of all tiles.
    pub tasks: u64,
    /// Clusters.
    pub clusters: u64,
    /// Shards.
    pub shards: u32,
    /// Length of a moment, in seconds.
    pub step_s: u64,
    /// Most that a task of a copy comes later, in seconds.
    pub jitter_s: u64,
    /// Tasks that arrived.
    pub arrived: u64,
    /// Tasks whose need was covered by machines bound to their cluster while they were there.
    pub placed: u64,
    /// Tasks that left before.
    pub never_placed: u64,
    /// Tasks that still wait in the end.
    pub waiting: u64,
    /// Machines that were taken from a need for another.
    pub preempted: u64,
    /// Actions that were taken, by kind.
    pub actions: BTreeMap<String, u64>,
    /// Episodes of a need being short, by reason.
    pub shortfalls: BTreeMap<String, u64>,
    /// Share of the CPU demand that bound and coming machines covered, weighted by time.
    pub cpu_granted_ratio: f64,
    /// The same of the GPU demand.
    pub gpu_granted_ratio: f64,
    /// Most GPUs that were asked for, of all samples.
    pub peak_gpus_asked: f64,
    /// Most GPUs of serving machines, of all samples.
    pub peak_gpus_allocated: f64,
    /// From the moment at which a task began to ask until machines that cover its need were bound; their configuring is not in it.
    pub time_to_place_s: Percentiles,
    /// The fleet from time to time.
    pub samples: Vec<Sample>,
}

/// The fleet at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// When, in seconds of trace time.
    pub at_s: u64,
    /// Machines that serve a cluster.
    pub machines_allocated: u64,
    /// Their GPUs.
    pub gpus_allocated: f64,
    /// GPUs that are asked for.
    pub gpus_asked: f64,
    /// Those of them that bound and coming machines cover.
    pub gpus_granted: f64,
    /// Tasks that wait.
    pub waiting: u64,
    /// Rows of demand that are short, with nothing on its way.
    pub short_needs: u64,
}

/// Times in seconds that so many of a hundred do not exceed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half.
    pub p50: f64,
    /// 90 in 100.
    pub p90: f64,
    /// 99 in 100.
    pub p99: f64,
    /// All.
    pub max: f64,
}

/// How long tasks waited. Times are few, since cycles are; so they are counted, not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits(BTreeMap<u64, u64>);

impl Waits {
    /// One more, in milliseconds.
    pub fn add(&mut self, ms: u64) {
        *self.0.entry(ms).or_default() += 1;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// How they are distributed; each figure is one that was measured.
    pub fn percentiles(&self) -> Percentiles {
        let count = self.count();
        let at = |per_mille: u64| {
            let rank = (count * per_mille).div_ceil(1_000).max(1);
            let mut seen = 0;
            let found = self.0.iter().find(|(_, times)| {
                seen += **times;
                seen >= rank
            });
            found.map_or(0.0, |(ms, _)| *ms as f64 / 1_000.0)
        };
        Percentiles { p50: at(500), p90: at(900), p99: at(990), max: at(1_000) }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.report)?;
        let list = |counts: &BTreeMap<String, u64>| {
            let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            if each.is_empty() { "none".to_owned() } else { each.join(", ") }
        };
        let share = |part: f64| if self.gpus == 0 { 0.0 } else { 100.0 * part / self.gpus as f64 };
        let Percentiles { p50, p90, p99, max } = self.time_to_place_s;
        let rows = [
            (
                "trace",
                format!(
                    "{} tasks and {} machines in {} tiles, {} clusters on {} shards, seed {}",
                    self.tasks, self.machines, self.tiles, self.clusters, self.shards, self.seed
                ),
            ),
            (
                "tasks",
                format!(
                    "{} placed, {} left before they were, {} wait in the end",
                    self.placed, self.never_placed, self.waiting
                ),
            ),
            ("time to place", format!("p50 {p50:.0} s, p90 {p90:.0} s, p99 {p99:.0} s, at most {max:.0} s")),
            ("actions", list(&self.actions)),
            ("preempted", format!("{} machines", self.preempted)),
            ("shortfalls", list(&self.shortfalls)),
            (
                "demand granted",
                format!(
                    "{:.3} % of CPU, {:.3} % of GPUs, by time",
                    100.0 * self.cpu_granted_ratio,
                    100.0 * self.gpu_granted_ratio
                ),
            ),
            (
                "GPUs at the peak",
                format!(
                    "{:.1} asked for ({:.2} % of {}), {:.0} on serving machines ({:.2} %)",
                    self.peak_gpus_asked,
                    share(self.peak_gpus_asked),
                    self.gpus,
                    self.peak_gpus_allocated,
                    share(self.peak_gpus_allocated)
                ),
            ),
            ("virtual time", format!("{:.1} days", self.report.virtual_s as f64 / 86_400.0)),
            ("decisions", self.report.trace_hash.clone()),
        ];
        rows.iter().try_for_each(|(name, value)| writeln!(f, "{name:<18}{value}"))
    }
}

impl Replayed {
    /// The files of a run: the outcome as JSON, the fleet over time as CSV, and a page with both.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        vec![
            ("report.json", serde_json::to_string_pretty(self).expect("an outcome is plain data") + "\n"),
            ("report.html", super::page::write(self)),
            ("samples.csv", self.samples_csv()),
        ]
    }

    fn samples_csv(&self) -> String {
        let mut text =
            String::from("at_s,machines_allocated,gpus_allocated,gpus_asked,gpus_granted,tasks_waiting,needs_short\n");
        for sample in &self.samples {
            let Sample { at_s, machines_allocated, gpus_allocated, gpus_asked, gpus_granted, waiting, short_needs } =
                sample;
            let _infallible = writeln!(
                text,
                "{at_s},{machines_allocated},{gpus_allocated},{gpus_asked},{gpus_granted},{waiting},{short_needs}"
            );
        }
        text
    }
}
