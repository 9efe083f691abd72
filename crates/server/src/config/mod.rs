//! The configuration of `argosy server`: read strictly, every problem reported at once, documented where it is declared.
//!
//! `schema` and `placement` declare the tables; `shape`, `scalar` and `section` are the typed reader that keeps the place
//! of every value; `check` and `check_placement` hold the rules across keys; `problem` shows what is wrong; `reference`
//! turns the declarations into docs/reference/config.md. Nothing here looks at the network, the environment or any file
//! other than the two it is given.

mod check;
mod check_placement;
mod load;
mod placement;
mod problem;
pub(crate) mod reference;
mod scalar;
mod schema;
pub(crate) mod section;
pub(crate) mod shape;
mod source;
mod value;

pub use load::{Loaded, load, load_with};
pub use placement::{Domain, Peer, Placement, Provider, ShardPlacement};
pub use problem::{Code, Problem, ProblemRecord, Report, Severity};
pub use schema::{
    Actuation, CallTimeouts, Connections, Cycle, IdleHolds, Join, Listing, Log, Metrics, Node, Notify, RaftSettings,
    Rails, Retry, Sessions, TlsFiles,
};
pub use source::{Place, SourceId};
pub use value::{CycleMode, Hold, HostPort, LogFormat, Name};

use shape::Section as _;

/// A configuration that keeps every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The name of the installation.
    pub fleet: Name,
    /// This node; `data_dir` is resolved.
    pub node: Node,
    /// Where others reach this node.
    pub advertise: HostPort,
    /// How connections are secured.
    pub security: Security,
    /// The metrics endpoint.
    pub metrics: Metrics,
    /// The other nodes; this one is not among them.
    pub peers: Vec<Peer>,
    /// The shards.
    pub placement: Placement,
    /// The providers.
    pub providers: Vec<Provider>,
    /// Timers and limits of replication.
    pub raft: RaftSettings,
    /// The decision cycle.
    pub cycle: Cycle,
    /// How often providers are listed.
    pub listing: Listing,
    /// What the rails of a new shard start with.
    pub rails: Rails,
    /// How long an idle machine is kept.
    pub idle_holds: IdleHolds,
    /// How operations are carried out.
    pub actuation: Actuation,
    /// Limits on sessions.
    pub sessions: Sessions,
    /// Limits and timers of connections.
    pub connections: Connections,
    /// What receivers of notifications are sent with.
    pub notify: Notify,
    /// How machines without a certificate become agents; paths are resolved.
    pub join: Join,
    /// Log lines.
    pub log: Log,
}

/// How connections are secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// Not at all; every address is a loopback address.
    Plaintext,
    /// Mutual TLS, with these files; paths are resolved.
    Tls(TlsFiles),
}

/// docs/reference/config.md.
#[must_use]
pub fn reference() -> String {
    let opening = "\
# Configuration of `argosy server`

<!-- Printed by `argosy config reference`; change the doc comments in crates/server/src/config instead. -->

One TOML file. Unknown keys are errors; `argosy config check FILE` reports everything that is wrong with it at once.
A relative path is taken from the directory of the file it stands in. Durations are strings with a unit (`\"250ms\"`,
`\"10s\"`, `\"1h 30m\"`), so are sizes (`\"64KiB\"`, `\"16MiB\"`).
";
    reference::page(opening, &[("The file", schema::ServerFile::document())])
}
