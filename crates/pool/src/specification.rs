//! What a pool is: the machines it is made of, its bounds, and the policy that sizes it.

use std::collections::BTreeMap;

use argosy_model::{Bucket, MicroUsd, Vocabulary, quantity};
use serde::{Deserialize, Serialize};

use crate::Policy;
use crate::scalar::Span;
use crate::source::Sources;
use crate::split::Sellers;

/// Longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 63;
/// Most machines that one pool may ask for.
pub const MAX_MACHINES: u32 = 1_000_000;
/// Longest user data, in bytes: providers take no more.
pub const MAX_USER_DATA_BYTES: usize = 16_384;

/// A value that makes no sense, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`: {what}")]
pub struct Fault {
    /// The key, from the pool down.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl Fault {
    pub(crate) fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { path: path.into(), what: what.into() }
    }
}

/// Fewest and most machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Fewest.
    pub min: u32,
    /// Most.
    pub max: u32,
}

/// One pool. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Specification {
    /// Its name: lower-case letters, digits and dashes.
    pub name: String,
    /// What each of its machines must be.
    pub machine: Machine,
    /// Fewest machines. A pool below it goes there at once, with or without a policy.
    pub min: u32,
    /// Most machines.
    pub max: u32,
    /// How many machines a pool without a policy has; `min` if left out.
    #[serde(default)]
    pub replicas: Option<u32>,
    /// Machines kept spare on top of what the policy wants.
    #[serde(default)]
    pub headroom: u32,
    /// The policy that sizes it.
    #[serde(default)]
    pub autoscaler: Option<Policy>,
    /// How far it may move at a time.
    #[serde(default)]
    pub steps: Steps,
    /// How long it rests between moves.
    #[serde(default)]
    pub cooldown: Cooldown,
    /// When metrics are too old to be believed.
    #[serde(default = "stale_after")]
    pub stale_after: Span,
    /// Rank among all demand of the shard: higher first.
    #[serde(default)]
    pub priority: i32,
    /// What an interruption of one of its machines costs, in dollars.
    #[serde(default)]
    pub interruption_usd: u64,
    /// What taking one of its machines away costs, in dollars.
    #[serde(default)]
    pub reclamation_usd: u64,
    /// Handed to each machine as it joins. `{{pool}}`, `{{machine}}` and `{{shard}}` are filled in.
    #[serde(default)]
    pub user_data: String,
    /// Where its metrics come from when nobody pushes them.
    #[serde(default)]
    pub metrics: Sources,
    /// From whom it buys, and in what order or proportion; from whoever is cheapest if left out.
    #[serde(default)]
    pub sellers: Option<Sellers>,
}

/// What each machine of a pool must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Any of these instance types; any type at all if left out.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// In any of these regions.
    #[serde(default)]
    pub regions: Vec<String>,
    /// In any of these zones.
    #[serde(default)]
    pub zones: Vec<String>,
    /// With these labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What each must offer, as Kubernetes writes quantities: `{nvidia.com/gpu: "8"}`.
    pub resources: BTreeMap<String, String>,
}

/// Most machines that a policy may move a pool by at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Steps {
    /// More.
    pub up: u32,
    /// Fewer.
    pub down: u32,
}

impl Default for Steps {
    fn default() -> Self {
        Self { up: u32::MAX, down: 1 }
    }
}

/// How long a pool rests after a move before a policy may move it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cooldown {
    /// After it grew, before it grows again.
    pub up: Span,
    /// After it grew or shrank, before it shrinks.
    pub down: Span,
}

impl Default for Cooldown {
    fn default() -> Self {
        Self { up: Span::minutes(1), down: Span::minutes(5) }
    }
}

fn stale_after() -> Span {
    Span::minutes(5)
}

impl Specification {
    /// Its bounds.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        Bounds { min: self.min, max: self.max }
    }

    /// What an interruption costs, as the engine counts it.
    #[must_use]
    pub fn interruption(&self) -> Bucket {
        bucket(self.interruption_usd)
    }

    /// What taking a machine away costs, as the engine counts it.
    #[must_use]
    pub fn reclamation(&self) -> Bucket {
        bucket(self.reclamation_usd)
    }

    /// What `machines` machines offer, by dimension.
    #[must_use]
    pub fn amounts(&self, machines: u32) -> Vec<(String, u64)> {
        let each = self.machine.resources.iter().filter_map(|(dim, text)| Some((dim, amount(dim, text).ok()?)));
        each.map(|(dim, amount)| (dim.clone(), amount.saturating_mul(u64::from(machines)))).collect()
    }

    /// The user data for one machine.
    #[must_use]
    pub fn user_data_for(&self, shard: &str, machine: &str) -> String {
        let filled = self.user_data.replace("{{pool}}", &self.name);
        filled.replace("{{machine}}", machine).replace("{{shard}}", shard)
    }

    /// Everything in it that makes no sense.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |fine: bool, path: &str, what: &str| {
            if !fine {
                faults.push(Fault::new(path, what));
            }
        };
        check(is_name(&self.name), "name", "write 1 to 63 lower-case letters, digits and dashes, a letter first");
        check(self.max > 0, "max", "a pool that may never have a machine is no pool");
        check(self.max <= MAX_MACHINES, "max", "a pool has at most 1,000,000 machines");
        check(self.min <= self.max, "min", "it is above `max`");
        check(
            self.replicas.is_none() || self.autoscaler.is_none(),
            "replicas",
            "the autoscaler sets the size: take one of the two out",
        );
        let within = self.replicas.is_none_or(|replicas| (self.min..=self.max).contains(&replicas));
        check(within, "replicas", "it lies outside `min` to `max`");
        check(self.steps.up > 0 && self.steps.down > 0, "steps", "a step of 0 machines never moves the pool");
        check(self.stale_after.0.0 > 0, "stale_after", "metrics would never be believed");
        check(self.user_data.len() <= MAX_USER_DATA_BYTES, "user_data", "it is longer than 16 KiB");
        check(
            !self.machine.resources.is_empty(),
            "machine.resources",
            "say what each machine must offer, such as {nvidia.com/gpu: \"8\"}",
        );
        faults.extend(self.metrics.faults());
        faults.extend(self.sellers.iter().flat_map(|sellers| sellers.faults(&self.machine)));
        faults.extend(self.machine.resources.iter().filter_map(|(dim, text)| resource_fault(dim, text)));
        faults.extend(
            self.autoscaler
                .iter()
                .filter_map(|policy| policy.check(self.bounds()).err())
                .map(|fault| Fault { path: format!("autoscaler.{}", fault.path), ..fault }),
        );
        faults
    }
}

fn is_name(name: &str) -> bool {
    let fine = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    name.len() <= MAX_NAME_BYTES && name.bytes().all(fine) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

fn bucket(usd: u64) -> Bucket {
    Bucket::covering(MicroUsd(usd.saturating_mul(1_000_000)))
}

fn amount(dim: &str, text: &str) -> Result<u64, quantity::QuantityError> {
    quantity::parse(text, Vocabulary::per_unit(dim), quantity::Rounding::Up)
}

fn resource_fault(dim: &str, text: &str) -> Option<Fault> {
    let path = format!("machine.resources.{dim}");
    match amount(dim, text) {
        Ok(0) => Some(Fault::new(path, "a machine that need not offer any cannot be counted by it")),
        Ok(each) if each.checked_mul(u64::from(MAX_MACHINES)).is_none_or(|all| all > i64::MAX as u64) => {
            Some(Fault::new(path, "a million machines of it would overflow"))
        }
        Ok(_) => None,
        Err(error) => Some(Fault::new(path, error.to_string())),
    }
}
