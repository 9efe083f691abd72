//! A whole fleet of real processes on one machine: nodes, a simulated provider, their files, certificates and ports.
//!
//! `argosy up`, the trace replay and the failover proof all stand on this crate, so that what a newcomer watches is what
//! the proof kills. It starts the same binary a deployment runs, with configuration files a person could have written,
//! and talks to it over the same gRPC with the same certificates. It decides nothing.

pub mod agents;
pub mod blueprint;
pub mod certificates;
pub mod clients;
pub mod clusters;
pub mod error;
pub mod files;
pub mod fleet;
pub mod invariants;
pub mod picture;
pub mod process;
pub mod stress;
pub mod supply;
pub mod watch;

pub use agents::Agents;
pub use blueprint::{Blueprint, NodeSite, Pace, Place, ProviderSite, ShardSite, Sizing};
pub use clients::{Clients, within};
pub use clusters::Clusters;
pub use error::FleetError;
pub use files::{Layout, Tuning};
pub use fleet::{LocalFleet, Start, Supplier};
pub use invariants::{Invariants, Violation};
pub use picture::{Picture, Replica};
pub use process::{Launch, Process};
pub use watch::Watch;
