//! The machines of a scenario: listed, or generated from templates.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::scalar::Span;

/// One machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its name; no two have the same.
    pub id: String,
    /// Who sells it.
    #[serde(default)]
    pub provider: String,
    /// Its region.
    #[serde(default)]
    pub region: String,
    /// Its zone.
    #[serde(default)]
    pub zone: String,
    /// Its instance type.
    #[serde(default)]
    pub instance_type: String,
    /// How many GPUs it has.
    #[serde(default = "eight")]
    pub gpu_count: u32,
    /// Their model.
    #[serde(default)]
    pub gpu_type: String,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// How a fleet is generated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FleetGen {
    /// How many machines.
    pub total_nodes: u32,
    /// What they are, drawn by weight. Each template becomes a pool.
    pub templates: Vec<Template>,
    /// Who sells them, drawn by weight.
    #[serde(default = "providers")]
    pub providers: BTreeMap<String, u32>,
    /// Where they are, drawn by weight.
    #[serde(default = "regions")]
    pub regions: BTreeMap<String, u32>,
    /// The zones of each region, drawn evenly; `-a` to `-d` behind the region's name if left out.
    #[serde(default)]
    pub zones: BTreeMap<String, Vec<String>>,
    /// How they come up.
    #[serde(default)]
    pub startup: Startup,
}

/// A kind of machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// How often it is drawn, beside the others.
    pub weight: u32,
    /// How many GPUs it has.
    pub gpu_count: u32,
    /// Their model.
    #[serde(default)]
    pub gpu_type: String,
    /// Its instance type; by provider and number of GPUs if left out.
    #[serde(default)]
    pub instance_type: String,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// How machines come up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Startup {
    /// In which order; `linear` if left out.
    #[serde(default)]
    pub pattern: Option<Pattern>,
    /// From the first to the last; 30 s, 2 m or 5 m by pattern if left out.
    #[serde(default)]
    pub duration: Option<Span>,
    /// Machines of one wave.
    #[serde(default)]
    pub batch_size: Option<u32>,
    /// How far each pause may be off, in percent.
    #[serde(default)]
    pub jitter_percent: Option<u32>,
    /// A machine takes at least this long to be created.
    #[serde(default)]
    pub cold_start_min: Option<Span>,
    /// A machine takes at most this long to be created.
    #[serde(default)]
    pub cold_start_max: Option<Span>,
    /// The mean of how long a machine takes to be created; evenly between the bounds if left out.
    #[serde(default)]
    pub cold_start_mean: Option<Span>,
    /// The standard deviation around that mean.
    #[serde(default)]
    pub cold_start_stddev: Option<Span>,
}

/// In which order machines come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// All at once.
    Instant,
    /// One after the other, evenly.
    Linear,
    /// One, two, four, eight, and so on.
    Exponential,
    /// Batch after batch.
    Wave,
}

fn eight() -> u32 {
    8
}

fn providers() -> BTreeMap<String, u32> {
    weights(&[("gcp", 50), ("aws", 35), ("lambda", 15)])
}

fn regions() -> BTreeMap<String, u32> {
    weights(&[("us-central1", 30), ("us-east1", 25), ("us-west1", 20), ("europe-west1", 15), ("asia-east1", 10)])
}

fn weights(list: &[(&str, u32)]) -> BTreeMap<String, u32> {
    list.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}
