//! A scenario file as it is written: every key of Navarch's schema, and ours under `argosy`.
//!
//! Each key's comment is its reference: the JSON Schema that editors read is made of these types (`argosy-lab sim schema`).

mod chaos;
mod extension;
mod fleet;
mod repair;
mod script;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::chaos::{
    CascadeScope, Cascading, Chaos, Correlated, CorrelationScope, Outage, OutageScope, Recovery, WeightedKind,
};
pub use self::extension::{Cloud, ControlPlane, Extension, Health, Load, Taken};
pub use self::fleet::{FleetGen, Node, Pattern, Startup, Template};
pub use self::repair::{Repair, RepairPolicy};
pub use self::script::{Action, Assertion, AssertionKind, CommandWord, Event, Params};
use super::scalar::Span;

/// A rehearsal: a fleet, what is done to it, and what it ought to come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// Machines one by one. Either these or `stress.fleet_gen` have to be there.
    #[serde(default)]
    pub fleet: Vec<Node>,
    /// What is done, in order of `at`; of one moment, in the order of the file.
    #[serde(default)]
    pub events: Vec<Event>,
    /// What it ought to come to.
    #[serde(default)]
    pub assertions: Vec<Assertion>,
    /// A fleet that is generated, and chaos.
    #[serde(default)]
    pub stress: Option<Stress>,
    /// What only Argosy knows: pools, the cloud, the control plane, repairs, more assertions.
    #[serde(default)]
    pub argosy: Extension,
}

/// A fleet that is generated, and what goes wrong with it by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stress {
    /// How long the run lasts, start-up included.
    #[serde(default = "ten_minutes")]
    pub duration: Span,
    /// How often the fleet is counted for the timeline.
    #[serde(default = "five_seconds")]
    pub metrics_interval: Span,
    /// Of everything that is drawn; `--seed` on the command line goes before it.
    #[serde(default)]
    pub seed: i64,
    /// Not used: `--out DIR` says where reports go.
    #[serde(default)]
    pub report_file: String,
    /// Not used: `--out DIR` says where reports go.
    #[serde(default)]
    pub html_report_file: String,
    /// Not used: `--out DIR` says where reports go.
    #[serde(default)]
    pub log_file: String,
    /// The fleet.
    #[serde(default)]
    pub fleet_gen: Option<FleetGen>,
    /// What goes wrong.
    #[serde(default)]
    pub chaos: Option<Chaos>,
}

fn ten_minutes() -> Span {
    Span::minutes(10)
}

fn five_seconds() -> Span {
    Span::seconds(5)
}
