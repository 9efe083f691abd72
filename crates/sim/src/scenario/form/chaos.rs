//! What goes wrong by itself: failures at a rate, cascades, recovery, outages, correlations.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rehearsal::record::FailureKind;
use crate::scenario::scalar::{Milli, Share, Span, Words};

/// What goes wrong by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chaos {
    /// Whether anything does.
    pub enabled: bool,
    /// Failures a minute for every 1,000 machines that are up: independent of one another, at exponential distances.
    #[serde(default)]
    pub failure_rate: Milli,
    /// How often each XID is drawn; the usual thirteen alike if left out.
    #[serde(default)]
    pub xid_distribution: BTreeMap<u32, u32>,
    /// How often each kind of failure is drawn; XIDs only if left out.
    #[serde(default)]
    pub failure_types: Vec<WeightedKind>,
    /// How failures spread.
    #[serde(default)]
    pub cascading: Option<Cascading>,
    /// How failures end.
    #[serde(default)]
    pub recovery: Option<Recovery>,
    /// Outages at a set time.
    #[serde(default)]
    pub scheduled_outages: Vec<Outage>,
    /// Failures that have others in their wake.
    #[serde(default)]
    pub correlated_failures: Vec<Correlated>,
}

/// A kind of failure, and how often it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedKind {
    /// The kind.
    #[serde(rename = "type")]
    pub kind: FailureKind,
    /// How often it is drawn, beside the others.
    pub weight: u32,
}

/// How a failure spreads to machines that are well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cascading {
    /// Whether it does.
    pub enabled: bool,
    /// How likely a failure is to spread.
    #[serde(default)]
    pub probability: Share,
    /// How many steps from the first failure at most.
    #[serde(default)]
    pub max_depth: u32,
    /// Each machine is hit after at least this long.
    #[serde(default)]
    pub min_delay: Span,
    /// Each machine is hit after at most this long.
    #[serde(default)]
    pub max_delay: Span,
    /// How far it reaches.
    #[serde(default)]
    pub scope: CascadeScope,
    /// The share of the machines in scope that one cascade may hit, over all of its steps: 0.1 is a tenth. A number above 1 is
    /// read as percent.
    #[serde(default)]
    pub max_affected_percent: Milli,
}

/// How far a cascade reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CascadeScope {
    /// The rack of the first failure.
    Rack,
    /// Its zone.
    Zone,
    /// Its region.
    Region,
    /// All machines of its provider.
    Provider,
    /// All machines.
    #[default]
    Random,
}

/// How failures end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// Whether any do by themselves.
    pub enabled: bool,
    /// How likely a primary failure that is not fatal is to end.
    #[serde(default)]
    pub probability: Share,
    /// How long it lasts, on average.
    #[serde(default)]
    pub mean_time: Span,
    /// The standard deviation of that; a quarter of the mean if left out.
    #[serde(default)]
    pub std_dev: Option<Span>,
    /// Whether the control plane may replace machines: then the cloud has spare slots.
    #[serde(default)]
    pub replace_fatal: bool,
    /// How long a replacement takes to be created; like other machines if left out.
    #[serde(default)]
    pub replace_cold_start: Option<Span>,
}

/// An outage at a set time. At its end what it caused is mended, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// When it begins.
    pub start_time: Span,
    /// How long it lasts.
    pub duration: Span,
    /// What `target` names.
    pub scope: OutageScope,
    /// The rack, zone, region or provider that it hits, or the percentage of all machines.
    pub target: Words,
    /// What it does to each machine.
    pub failure_type: FailureKind,
}

/// What an outage hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutageScope {
    /// A rack, by its name (ours).
    Rack,
    /// A zone.
    Zone,
    /// A region.
    Region,
    /// A provider.
    Provider,
    /// Each machine with this chance, in percent.
    Percentage,
}

/// A failure that has another in its wake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correlated {
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// The failure: an XID, or a kind of failure.
    pub trigger: Words,
    /// The kind of failure that follows.
    pub response: FailureKind,
    /// How likely it is to follow.
    #[serde(default)]
    pub probability: Share,
    /// After how long.
    #[serde(default)]
    pub delay: Span,
    /// Where.
    #[serde(default)]
    pub scope: CorrelationScope,
}

/// Where the failure that follows happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CorrelationScope {
    /// On the same machine.
    #[default]
    SameNode,
    /// On another machine of the rack.
    SameRack,
    /// On another machine of the zone.
    SameZone,
    /// On any other machine.
    Random,
}

/// How deep a cascade goes if the file does not say.
const USUAL_DEPTH: u32 = 3;

impl Cascading {
    /// How many steps from the first failure at most.
    pub fn depth(&self) -> u32 {
        if self.max_depth == 0 { USUAL_DEPTH } else { self.max_depth }
    }

    /// Most machines that one cascade may hit of so many: one at least, if there is one.
    pub fn most_of(&self, machines: usize) -> usize {
        let milli = self.max_affected_percent.0;
        // Above the whole it was meant as percent.
        let share = if milli > 1_000 { milli / 100 } else { milli };
        let part = usize::try_from(machines as u64 * share / 1_000).unwrap_or(machines);
        part.max(1).min(machines)
    }
}
