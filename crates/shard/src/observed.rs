//! What a provider says of its machines, as plain data: the edge has parsed it, the fold judges it.

use argosy_model::{CapacityType, MicroUsd, Ppb, State};
use serde::{Deserialize, Serialize};

/// One machine as its provider shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// What it shares with others.
    pub shape: ObservedShape,
    /// Itself.
    pub machine: ObservedMachine,
}

/// What an observed machine shares with others: offering, domain and price.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObservedShape {
    /// Instance type; `None` if the provider names none.
    pub instance_type: Option<String>,
    /// Zone; `None` for a slot that has none yet.
    pub zone: Option<String>,
    /// How it is paid for.
    pub capacity_type: CapacityType,
    /// Price per hour.
    pub price: MicroUsd,
    /// Hourly probability of interruption.
    pub interruption: Ppb,
    /// What a workload can have of it, by dimension: milli-cores for cpu, whole units for the rest.
    pub resources: Vec<(String, u64)>,
    /// Labels. The host name's is ignored: it would make every machine a shape of its own.
    pub labels: Vec<(String, String)>,
}

/// What is an observed machine's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedMachine {
    /// Its id, stable from slot to host and back.
    pub id: String,
    /// Where it is in its life.
    pub state: State,
    /// The provider's reference to its host.
    pub host: Option<String>,
    /// Its holder, while bound.
    pub cluster: Option<String>,
    /// What went wrong, if it has failed.
    pub last_error: Option<String>,
    /// What we gave the provider to keep: see [`crate::echo`].
    pub metadata: Vec<(String, String)>,
    /// Whether its provider has announced that it will be interrupted.
    pub notice: bool,
}

impl ObservedMachine {
    /// A machine of which only id and state are told.
    pub fn new(id: impl Into<String>, state: State) -> Self {
        Self { id: id.into(), state, host: None, cluster: None, last_error: None, metadata: Vec::new(), notice: false }
    }
}

/// What a provider answered to a request for its inventory, or for one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The log index that was applied here when the request was *sent*. What the log has learnt of a machine since
    /// then is newer than this answer.
    pub asked_at: u64,
    /// The machines it names.
    pub machines: Vec<Observed>,
    /// Ids whose record the edge could not read (a negative price, a probability above 1): they are there, and the
    /// last good record is kept.
    pub unreadable: Vec<String>,
    /// Ids that it says are gone.
    pub gone: Vec<String>,
    /// Whether the answer is the whole inventory, so that a machine it does not name is gone.
    pub complete: bool,
}
