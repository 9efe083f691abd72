//! The seam to the site: what a backend is asked for, and what it may say.
//!
//! The rule that carries everything else: a backend says `Done`, `Failed` or `NotBegun` only of what it knows. Whatever it cannot
//! tell is `Doubt`, and then it is asked again, not told again.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_provider::contract::{Kind, Payment};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use serde::{Deserialize, Serialize};

/// A real host, as its site knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The site's name for it.
    pub reference: String,
    /// Where it can be reached, if that is known.
    pub address: Option<String>,
    /// Its public host keys as `known_hosts` writes them, key type and key; empty when the site does not say.
    pub host_keys: Vec<String>,
}

/// What a slot is, whether or not there is a host behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Instance type.
    pub instance_type: String,
    /// Zone.
    pub zone: String,
    /// How it is paid for.
    pub capacity_type: Payment,
    /// US dollars.
    pub price_per_hour: f64,
    /// Chance of losing the host within an hour, [0,1].
    pub interruption_probability: f64,
    /// Kubernetes quantities by resource name.
    pub resources: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// One machine of the site's inventory.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Stable from slot to host and back.
    pub id: String,
    /// The host, if there is one.
    pub host: Option<Host>,
    /// Why it cannot be used.
    pub failed: Option<String>,
    /// What it is.
    pub offer: Offer,
}

/// One transition to be carried out, the same whenever it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Names this transition for ever: the idempotency key.
    pub key: String,
    /// The caller's name for its operation; may be empty.
    pub operation: String,
    /// Which transition.
    pub kind: Kind,
    /// Of which machine.
    pub machine: String,
    /// What that is.
    pub offer: Offer,
    /// Its host, if there is one.
    pub host: Option<Host>,
    /// Whose it is to be, or is.
    pub cluster: Option<String>,
    /// What the shard keeps beside the binding.
    pub metadata: BTreeMap<String, String>,
    /// User data for the node's first boot.
    pub user_data: Bytes,
    /// How long the workload may take to leave, seconds.
    pub grace_s: u32,
    /// `Shown` has been said of it, in this run or an earlier one.
    pub shown: bool,
}

/// What a backend knows of a transition.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is done. A Create says which host.
    Done(Option<Host>),
    /// It failed and left nothing behind: the machine is as it was before.
    Failed(String),
    /// It took no effect and will take none under this key until it is begun again.
    NotBegun {
        /// Why.
        reason: String,
        /// How long to wait before.
        wait: Option<Duration>,
    },
    /// It is under way.
    Pending(String),
    /// It is under way, and the site has shown what it makes. That is kept: what the site shows no more after that has ended, and
    /// is not to be taken for something that never was.
    Shown(String),
    /// Nobody knows.
    Doubt(String),
}

/// A site.
pub trait Backend: Send + Sync + 'static {
    /// Whether hosts can be given back.
    fn gives_back(&self) -> bool;

    /// Carries a transition out. Called once for a key, unless it was answered with `NotBegun`.
    fn begin(&self, task: Task) -> BoxFuture<'_, Outcome>;

    /// What has become of a transition that was begun. It begins nothing a second time; it may undo what came to nothing, such as giving back
    /// a host that came up broken, as long as it bears being asked again at any point of that.
    fn resolve(&self, task: Task) -> BoxFuture<'_, Outcome>;

    /// What is left to do once the site has answered, and for which nobody else has to wait, such as making a host ready. Called with the
    /// outcome of every `begin` and `resolve`; as long as it says that the transition is under way, it is called again.
    fn follow(&self, _task: Task, outcome: Outcome) -> BoxFuture<'_, Outcome> {
        ready(outcome).boxed()
    }

    /// Everything that exists.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Row>, String>>;
}
