//! Rows: what was measured, as a table for people and as JSON for machines.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::meter::Meter;

/// One row of the output. Times in nanoseconds. Fields that are skipped are for the printed table; the file holds the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Its name; baselines and readers refer to it.
    pub(crate) name: String,
    /// Machines in the fleet.
    pub(crate) machines: usize,
    /// Needs on it.
    pub(crate) needs: usize,
    /// What one sample does: machines placed or freed, or transitions applied.
    pub(crate) placements: usize,
    /// Samples taken.
    #[serde(skip)]
    pub(crate) samples: usize,
    /// The median.
    pub(crate) p50_ns: u64,
    /// The 99th percentile; the highest where there are fewer than a hundred samples.
    pub(crate) p99_ns: u64,
    /// The highest.
    pub(crate) max_ns: u64,
    /// Processor time of one sample, all threads together: the median.
    #[serde(skip)]
    pub(crate) cpu_ns: u64,
    /// Instructions of one sample, where they were counted.
    pub(crate) instructions: Option<u64>,
    /// Allocations of one sample, on average.
    pub(crate) allocations: u64,
    /// Bytes on the heap for each machine of the state that the row is about.
    pub(crate) bytes_per_machine: u64,
    /// What this machine can do at best.
    pub(crate) limit_ns: u64,
    /// The median of the processor time over that.
    pub(crate) ratio_to_limit: f64,
    /// What ARCHITECTURE.md §7 allows, where it does, and what is held against it.
    #[serde(skip)]
    pub(crate) budget_ns: Option<(u64, u64)>,
}

/// What ARCHITECTURE.md §7 allows for one sample.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Budget {
    /// So much, in 99 of 100.
    Time(Duration),
    /// So much on average: it says how many a second.
    Rate(Duration),
}

/// What a row is about, beside its times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) machines: usize,
    pub(crate) needs: usize,
    pub(crate) placements: usize,
    pub(crate) bytes: u64,
    pub(crate) limit: Duration,
    pub(crate) budget: Option<Budget>,
}

impl Row {
    pub(crate) fn new(name: &str, about: &About, meter: &Meter) -> Self {
        let [p50, p99, max] = meter.percentiles();
        let budget = about.budget.map(|budget| match budget {
            Budget::Time(most) => (most, p99),
            Budget::Rate(most) => (most, meter.mean()),
        });
        Self {
            name: name.to_owned(),
            machines: about.machines,
            needs: about.needs,
            placements: about.placements,
            samples: meter.samples(),
            p50_ns: nanos(p50),
            p99_ns: nanos(p99),
            max_ns: nanos(max),
            cpu_ns: nanos(meter.cpu()),
            instructions: None,
            allocations: meter.allocations(),
            bytes_per_machine: about.bytes / about.machines.max(1) as u64,
            limit_ns: nanos(about.limit),
            ratio_to_limit: (meter.cpu().as_secs_f64() / about.limit.as_secs_f64() * 1_000.0).round() / 1_000.0,
            budget_ns: budget.map(|(most, taken)| (nanos(most), nanos(taken))),
        }
    }

    /// Whether it keeps its budget; a row without one does.
    pub(crate) fn is_within_budget(&self) -> bool {
        self.budget_ns.is_none_or(|(most, taken)| taken <= most)
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = |ns: u64| format!("{:.1?}", Duration::from_nanos(ns));
        let budget = match self.budget_ns {
            None => "-".to_owned(),
            Some((most, _)) => format!("{} {}", time(most), if self.is_within_budget() { "kept" } else { "MISSED" }),
        };
        write!(
            f,
            "{:<22} {:>10} {:>8} {:>10} {:>5} {:>9} {:>9} {:>9} {:>9} {:>8} {:>6} {:>9} {:>8.2} {:>16}",
            self.name,
            self.machines,
            self.needs,
            self.placements,
            self.samples,
            time(self.p50_ns),
            time(self.p99_ns),
            time(self.max_ns),
            time(self.cpu_ns),
            self.allocations,
            self.bytes_per_machine,
            time(self.limit_ns),
            self.ratio_to_limit,
            budget,
        )
    }
}

/// The head of the table.
pub(crate) fn head() -> String {
    format!(
        "{:<22} {:>10} {:>8} {:>10} {:>5} {:>9} {:>9} {:>9} {:>9} {:>8} {:>6} {:>9} {:>8} {:>16}",
        "row",
        "machines",
        "needs",
        "placements",
        "n",
        "p50",
        "p99",
        "max",
        "cpu",
        "allocs",
        "B/mach",
        "limit",
        "x limit",
        "budget"
    )
}

/// Writes rows as JSON.
pub(crate) fn write(path: &Path, rows: &[Row]) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(rows).context("rows are plain data")?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

/// Reads what [`write`] wrote.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Row>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no rows", path.display()))
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
