//! What only Argosy knows of, under the key `argosy`.

use std::collections::BTreeMap;

use argosy_pool::Specification;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::repair::Repair;
use super::script::Assertion;
use crate::scenario::scalar::{Milli, Share, Span};

/// What only Argosy knows of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Extension {
    /// The pools, as a pool file has them (docs/reference/pools.md). One for each template if left out.
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub pools: Vec<Specification>,
    /// What the autoscalers are told.
    pub loads: Vec<Load>,
    /// What the simulated cloud has, takes and costs.
    pub cloud: Cloud,
    /// The pace and the rails of the control plane.
    pub control_plane: ControlPlane,
    /// How health is judged.
    pub health: Health,
    /// How unfit machines are repaired.
    pub repair: Repair,
    /// More assertions; the same as at the top, kept here so that a file stays readable for Navarch.
    pub assertions: Vec<Assertion>,
}

/// What the autoscaler of a pool is told for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The pool.
    pub pool: String,
    /// From when on.
    #[serde(default)]
    pub at: Span,
    /// Until when; to the end if left out.
    #[serde(default)]
    pub until: Option<Span>,
    /// How often.
    #[serde(default = "often")]
    pub every: Span,
    /// Mean utilisation of its machines, from 0 to 1.
    #[serde(default)]
    pub utilisation: Option<Share>,
    /// Jobs that wait.
    #[serde(default)]
    pub queue_depth: Option<u64>,
}

fn often() -> Span {
    Span::seconds(30)
}

/// What the simulated cloud has, takes and costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cloud {
    /// Slots for other machines, as a share of the fleet, spread over its zones; the whole where `replace_fatal` is on,
    /// else none.
    pub spares: Option<Share>,
    /// Machines of a rack.
    pub nodes_per_rack: u32,
    /// Dollars for an hour of one GPU, by its model; `default` for all others.
    pub gpu_hour_usd: BTreeMap<String, Milli>,
    /// From a host to a member of its pool.
    pub configure: Taken,
    /// From a member back to a host.
    pub drain: Taken,
    /// From a host back to a slot.
    pub delete: Taken,
    /// The share of calls that are turned down: too many.
    pub throttled: Share,
    /// The share of calls that are lost.
    pub lost_calls: Share,
    /// The share of creations that fail.
    pub failed_creations: Share,
    /// Instance types of which there is none to be had.
    pub out_of_stock: Vec<String>,
}

impl Default for Cloud {
    fn default() -> Self {
        Self {
            spares: None,
            nodes_per_rack: 16,
            gpu_hour_usd: BTreeMap::from([("default".to_owned(), Milli(4_000))]),
            configure: Taken { min: Span(0), max: Span(0) },
            drain: Taken { min: Span::seconds(5), max: Span::seconds(30) },
            delete: Taken { min: Span::seconds(5), max: Span::seconds(20) },
            throttled: Share(0),
            lost_calls: Share(0),
            failed_creations: Share(0),
            out_of_stock: Vec::new(),
        }
    }
}

/// How long something takes, evenly between two bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// At least.
    pub min: Span,
    /// At most.
    pub max: Span,
}

/// The pace and the rails of the control plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ControlPlane {
    /// From one cycle to the next, if nothing happens.
    pub cycle: Span,
    /// What happens starts a cycle early, though not sooner than this after the last.
    pub min_gap: Span,
    /// How long an idle machine is kept before it is given back.
    pub hold: Span,
    /// The most of a pool's machines that may be reclaimed within ten seconds; one at least.
    pub reclaim_cap: Share,
    /// When another leader takes over.
    pub new_leader_at: Vec<Span>,
}

impl Default for ControlPlane {
    fn default() -> Self {
        Self {
            cycle: Span::seconds(10),
            min_gap: Span(250),
            hold: Span::minutes(10),
            reclaim_cap: Share(50_000),
            new_leader_at: Vec::new(),
        }
    }
}

/// How health is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// The policy, as text (docs/reference/health.md); that of a new installation if left out.
    pub policy: String,
    /// Whether verdicts take machines out of supply, or are only shown.
    pub acts: bool,
    /// What an agent notices is reported after this long.
    pub report_after: Span,
    /// An agent that is not heard for so long is taken for silent.
    pub silent_after: Span,
}

impl Default for Health {
    fn default() -> Self {
        Self { policy: String::new(), acts: true, report_after: Span::seconds(1), silent_after: Span::seconds(90) }
    }
}
