//! The figures of a run: what the page shows, what other programs read, and what two runs are compared by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check::Check;
use crate::rehearsal::record::{RunRecord, Tally, What};

/// The figures of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// The scenario's name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Of everything that was drawn.
    pub seed: u64,
    /// Virtual time, in seconds.
    pub virtual_s: u64,
    /// Whether every assertion holds and no rule was broken.
    pub passed: bool,
    /// What was asserted.
    pub assertions: Vec<Check>,
    /// Rules of the simulator that were broken.
    pub violations: Vec<String>,
    /// What the file says and the simulator reads otherwise.
    pub warnings: Vec<String>,
    /// What there was.
    pub fleet: Fleet,
    /// Healthy machines, averaged over the samples from the first complete fleet on.
    pub average_healthy: u32,
    /// Failures by zone of the machine.
    pub failures_by_zone: BTreeMap<String, u32>,
    /// Failures by template of the machine.
    pub failures_by_template: BTreeMap<String, u32>,
    /// Failures that spread from others, by the number of steps from the first.
    pub cascades_by_depth: BTreeMap<u32, u32>,
    /// The sums over the run.
    pub tally: Tally,
    /// Equal for equal runs.
    pub trace_hash: String,
}

/// The machines of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// Of the fleet that the file describes.
    pub machines: u32,
    /// Slots for replacements.
    pub spares: u32,
    /// GPUs, spares left aside.
    pub gpus: u64,
    /// Machines by zone.
    pub by_zone: BTreeMap<String, u32>,
    /// Machines by template.
    pub by_template: BTreeMap<String, u32>,
}

impl Figures {
    /// Those of a run.
    pub fn of(record: &RunRecord) -> Self {
        let mut figures = Self {
            name: record.name.clone(),
            description: record.description.clone(),
            seed: record.seed,
            virtual_s: record.virtual_ms / 1_000,
            passed: record.passed(),
            assertions: record.assertions.clone(),
            violations: record.violations.clone(),
            warnings: record.warnings.clone(),
            fleet: Fleet::of(record),
            average_healthy: average_healthy(record),
            failures_by_zone: BTreeMap::new(),
            failures_by_template: BTreeMap::new(),
            cascades_by_depth: BTreeMap::new(),
            tally: record.tally.clone(),
            trace_hash: record.trace_hash(),
        };
        figures.count_failures(record);
        figures
    }

    fn count_failures(&mut self, record: &RunRecord) {
        use crate::rehearsal::record::Cause;
        for event in &record.events {
            let What::Failed { cause, .. } = &event.what else { continue };
            if let Cause::Cascade { depth, .. } = cause {
                *self.cascades_by_depth.entry(*depth).or_default() += 1;
            }
            let Some(machine) = event.machine.and_then(|number| record.machines.get(number as usize)) else { continue };
            *self.failures_by_zone.entry(machine.zone.clone()).or_default() += 1;
            *self.failures_by_template.entry(machine.template.clone()).or_default() += 1;
        }
    }
}

impl Fleet {
    fn of(record: &RunRecord) -> Self {
        let mut fleet = Self::default();
        for machine in &record.machines {
            if machine.spare {
                fleet.spares += 1;
                continue;
            }
            fleet.machines += 1;
            fleet.gpus += u64::from(machine.gpus);
            *fleet.by_zone.entry(machine.zone.clone()).or_default() += 1;
            *fleet.by_template.entry(machine.template.clone()).or_default() += 1;
        }
        fleet
    }
}

/// A fleet that is still starting up is not an unhealthy one.
fn average_healthy(record: &RunRecord) -> u32 {
    let complete = record.samples.iter().position(|sample| sample.wanted > 0 && sample.healthy >= sample.wanted);
    let samples = &record.samples[complete.unwrap_or(0)..];
    let sum: u64 = samples.iter().map(|sample| u64::from(sample.healthy)).sum();
    sum.checked_div(samples.len() as u64).and_then(|mean| u32::try_from(mean).ok()).unwrap_or(0)
}
