//! Chaos with real processes and a real kernel: a fleet on network namespaces, broken on purpose and judged.
//!
//! ```text
//!   cage: namespaces of the kernel's, in which all of it lives and dies
//!     network: one namespace for each region and the provider ── TAP ── switch (delay, loss, cuts)
//!     stage:   argosy server ×3, argosy provider sim, operators' sessions, administrators, an observer
//!       plays: kill, pause, cut, ... ──> times until a leader, a commit, a plan
//!     verdict: invariants, history, ledger, replicas ──> report, page
//! ```
//!
//! What runs is the binary that ships, with mutual TLS and RocksDB on a disk. What judges is shared with `argosy up` (invariants of
//! `argosy-localfleet`) and with the simulated worlds (the checker of histories and the page of `argosy-chaos`).
//!
//! Architecture invariant: nothing here is left to be cleaned up. Namespaces, interfaces, mounts and processes belong to namespaces that end
//! with the one process that made them, however it ends (docs/adr/0076).

pub mod cage;
mod clerks;
mod error;
mod failover;
mod network;
mod observer;
mod page;
mod plays;
mod recorder;
mod report;
mod run;
mod stage;
mod verdict;

pub use error::HostsError;
pub use plays::Play;
pub use report::{Frames, PlayReport, Report};
pub use run::{Options, run};
