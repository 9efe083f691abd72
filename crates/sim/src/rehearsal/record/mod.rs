//! The record of a run: what a report is made of, and nothing that a report must not say.
//!
//! The runner fills it in the order in which things happen; machines, events and samples are named by their place in their
//! list. It is made of virtual time alone, so one file and one seed give one record, to the byte. Healthy, degraded and
//! unhealthy are what the control plane's verdicts say; what the simulator itself broke is told by [`What::Failed`] and
//! [`What::Recovered`].

mod event;
mod sample;
mod tally;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::event::{Cause, FailureKind, Happening, What};
pub use self::sample::Sample;
pub use self::tally::{Durations, Tally};
use crate::check::Check;
use crate::trace::hex;

/// A machine's place in [`RunRecord::machines`].
pub type MachineNumber = u32;
/// A failure's place among the failures of a run, from 0.
pub type FailureNumber = u32;

/// Everything that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The scenario's name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Of everything that was drawn.
    pub seed: u64,
    /// How long it lasted, in milliseconds of virtual time.
    pub virtual_ms: u64,
    /// The scenario as it was run, with every default filled in: what a report shows as the configuration.
    pub configuration: serde_json::Value,
    /// Every machine of the cloud, spare slots included.
    pub machines: Vec<MachineEntry>,
    /// What happened, in order.
    pub events: Vec<Happening>,
    /// The fleet in numbers, once every `metrics_interval`, at the beginning and at the end.
    pub samples: Vec<Sample>,
    /// What was asserted, in order.
    pub assertions: Vec<Check>,
    /// Rules of the simulator that were broken on the way (see `Leader::broken`); none in a sound run.
    pub violations: Vec<String>,
    /// What the file says and the simulator reads otherwise.
    pub warnings: Vec<String>,
    /// The sums over all of it.
    pub tally: Tally,
}

/// A machine, or a slot for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineEntry {
    /// Its id.
    pub id: String,
    /// Who sells it.
    pub provider: String,
    /// Its region.
    pub region: String,
    /// Its zone.
    pub zone: String,
    /// Its rack.
    pub rack: String,
    /// The template it was made from; for a machine that the file lists, its instance type.
    pub template: String,
    /// The instance type.
    pub instance_type: String,
    /// The model of its GPUs.
    pub gpu_type: String,
    /// How many of them.
    pub gpus: u32,
    /// What an hour of it costs.
    pub price_microusd_per_hour: u64,
    /// Whether it is not of the fleet that the file describes, but a slot for replacements.
    pub spare: bool,
}

impl RunRecord {
    /// SHA-256 over the events, the samples and the assertions as lines of JSON: equal for equal runs.
    pub fn trace_hash(&self) -> String {
        hex(&Sha256::digest(self.trace()))
    }

    /// The run as lines of JSON: first the machines, then the events, then the samples, then the assertions.
    pub fn trace(&self) -> String {
        let mut text = String::new();
        self.machines.iter().for_each(|entry| line(&mut text, entry));
        self.events.iter().for_each(|event| line(&mut text, event));
        self.samples.iter().for_each(|sample| line(&mut text, sample));
        self.assertions.iter().for_each(|check| line(&mut text, check));
        text
    }

    /// Whether every assertion holds and no rule was broken.
    pub fn passed(&self) -> bool {
        self.violations.is_empty() && self.assertions.iter().all(|check| check.passed)
    }

    /// What machines read: the keys of the simulator's output, without wall time, which virtual time does not know.
    pub fn summary(&self) -> BTreeMap<&'static str, serde_json::Value> {
        let tally = &self.tally;
        BTreeMap::from([
            ("name", self.name.clone().into()),
            ("seed", self.seed.into()),
            ("passed", self.passed().into()),
            ("assertions", serde_json::to_value(&self.assertions).expect("checks are plain data")),
            ("violations", self.violations.clone().into()),
            ("failures", tally.failures.into()),
            ("recoveries", tally.recoveries.into()),
            ("cascades", tally.cascades.into()),
            ("replacements", tally.replacements.into()),
            ("repaired", tally.repaired.into()),
            ("repairs_held", tally.repairs_held.into()),
            ("breakers_opened", tally.breakers_opened.into()),
            ("peak_healthy", tally.peak_healthy.into()),
            ("min_healthy", tally.min_healthy.into()),
            ("detect_to_replace_ms", serde_json::to_value(tally.detect_to_replace).expect("numbers are plain data")),
            ("cost_microusd", tally.cost_microusd.into()),
            ("wasted_microusd", tally.wasted_microusd.into()),
            ("virtual_s", (self.virtual_ms / 1_000).into()),
            ("trace_hash", self.trace_hash().into()),
            ("warnings", self.warnings.clone().into()),
        ])
    }
}

fn line(text: &mut String, of: &impl Serialize) {
    text.push_str(&serde_json::to_string(of).expect("a record is plain data"));
    text.push('\n');
}
