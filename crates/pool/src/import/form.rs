//! The form of Navarch's configuration, as far as it is translated. Keys without a field here end up in `rest`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Keys that nothing here reads.
pub(super) type Rest = BTreeMap<String, Value>;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) server: Rest,
    #[serde(default)]
    pub(super) providers: BTreeMap<String, Rest>,
    #[serde(default)]
    pub(super) pools: BTreeMap<String, Pool>,
    #[serde(default)]
    pub(super) defaults: Rest,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Pool {
    pub(super) provider: Option<String>,
    #[serde(default)]
    pub(super) providers: Vec<Provider>,
    pub(super) strategy: Option<Strategy>,
    #[serde(default)]
    pub(super) instance_type: String,
    pub(super) region: Option<String>,
    #[serde(default)]
    pub(super) zones: Vec<String>,
    #[serde(default)]
    pub(super) min_nodes: u32,
    #[serde(default)]
    pub(super) max_nodes: u32,
    pub(super) cooldown: Option<String>,
    pub(super) autoscaling: Option<Autoscaling>,
    pub(super) health: Option<Health>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) setup_commands: Vec<String>,
    pub(super) ssh_keys: Option<Value>,
    pub(super) ssh_user: Option<Value>,
    pub(super) ssh_private_key_path: Option<Value>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

/// Any other word is an error with its line: Navarch would fail at its first purchase.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Strategy {
    Priority,
    RoundRobin,
    Availability,
    Cost,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) priority: Option<i64>,
    pub(super) weight: Option<i64>,
    #[serde(default)]
    pub(super) regions: Vec<String>,
    pub(super) instance_type: Option<String>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Health {
    pub(super) unhealthy_after: Option<u32>,
    pub(super) auto_replace: Option<bool>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Autoscaling {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    pub(super) scale_up_at: Option<f64>,
    pub(super) scale_down_at: Option<f64>,
    pub(super) jobs_per_node: Option<u32>,
    #[serde(default)]
    pub(super) schedule: Vec<Window>,
    pub(super) lookback_window: Option<u32>,
    pub(super) growth_factor: Option<f64>,
    pub(super) fallback: Option<Box<Autoscaling>>,
    pub(super) mode: Option<String>,
    #[serde(default)]
    pub(super) autoscalers: Vec<Autoscaling>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Window {
    #[serde(default)]
    pub(super) days: Vec<String>,
    #[serde(default)]
    pub(super) start: u64,
    #[serde(default)]
    pub(super) end: u64,
    #[serde(default)]
    pub(super) min_nodes: u32,
    #[serde(default)]
    pub(super) max_nodes: u32,
    #[serde(flatten)]
    pub(super) rest: Rest,
}
