//! What a run of `argosy up` came to: for people on the terminal, for machines as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::Result;
use argosy_localfleet::{Blueprint, Invariants, Picture};
use serde::Serialize;

use super::gpu::GpuSummary;

/// The outcome of a run. Times are in seconds.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Node processes.
    pub(crate) nodes: usize,
    /// Shards.
    pub(crate) shards: usize,
    /// Machines by state at the end.
    pub(crate) machines_by_state: BTreeMap<String, u64>,
    /// Actions committed since the shards began, by kind.
    pub(crate) actions: BTreeMap<String, u64>,
    /// Needs at the end.
    pub(crate) needs: u64,
    /// Needs that were short at the end with nothing on its way.
    pub(crate) shortfalls: u64,
    /// Leaders that changed while the fleet was watched.
    pub(crate) leader_changes: u64,
    /// Nodes killed.
    pub(crate) kills: u64,
    /// Rules that were broken, with the evidence.
    pub(crate) invariant_violations: Vec<String>,
    /// What the demonstration came to, with `--gpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gpu: Option<GpuSummary>,
    /// How long the orderly stop took.
    pub(crate) stop_s: f64,
    /// Processes that did not heed the signal to end.
    pub(crate) killed_at_stop: Vec<String>,
}

impl Summary {
    /// Sums a run up.
    pub(crate) fn new(picture: &Picture, blueprint: &Blueprint, invariants: &Invariants, kills: u64) -> Self {
        let (needs, shortfalls) = picture.needs();
        let violation = |v: &argosy_localfleet::Violation| format!("{}: {}", v.rule, v.evidence);
        Self {
            nodes: blueprint.nodes.len(),
            shards: blueprint.shards.len(),
            machines_by_state: picture.machines_by_state(),
            actions: picture.actions(),
            needs,
            shortfalls,
            leader_changes: 0,
            kills,
            invariant_violations: invariants.violations().iter().map(violation).collect(),
            gpu: None,
            stop_s: 0.0,
            killed_at_stop: Vec::new(),
        }
    }

    /// Whether everything was as it should be.
    pub(crate) fn is_sound(&self) -> bool {
        self.invariant_violations.is_empty() && self.gpu.as_ref().is_none_or(|gpu| gpu.faults.is_empty())
    }

    /// Writes it as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        super::write_file(path, &serde_json::to_string_pretty(self)?)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |map: &BTreeMap<String, u64>| {
            map.iter().map(|(key, count)| format!("{key} {count}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "nodes      {}, shards {}", self.nodes, self.shards)?;
        writeln!(f, "machines   {}", list(&self.machines_by_state))?;
        writeln!(f, "needs      {}, short {}", self.needs, self.shortfalls)?;
        writeln!(f, "actions    {}", list(&self.actions))?;
        writeln!(f, "leaders    {} changes, {} nodes killed", self.leader_changes, self.kills)?;
        writeln!(f, "stopped    in {:.1} s", self.stop_s)?;
        match self.invariant_violations.as_slice() {
            [] => writeln!(f, "invariants all held")?,
            broken => writeln!(f, "invariants BROKEN:\n  {}", broken.join("\n  "))?,
        }
        self.gpu.as_ref().map_or(Ok(()), |gpu| write!(f, "{gpu}"))
    }
}

impl fmt::Display for GpuSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (moment, at, text) in &self.moments {
            writeln!(f, "gpu        {at:>5.1}s {moment:<9} {text}")?;
        }
        if let Some(machine) = self.machine.as_ref().filter(|_| !self.explanation.is_empty()) {
            let told = self.explanation.trim_end().replace('\n', "\n           ");
            writeln!(f, "explained  argosy explain machine {machine}\n           {told}")?;
        }
        match self.faults.as_slice() {
            [] => writeln!(f, "replaced   exactly once"),
            faults => writeln!(f, "NOT AS IT SHOULD BE:\n  {}", faults.join("\n  ")),
        }
    }
}
