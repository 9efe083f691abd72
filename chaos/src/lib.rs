//! Worlds on turmoil that run the real server code over a simulated network, disk and clock, under faults, with invariants.
//!
//! ```text
//!   scenario or seed ──> faults ──┐
//!                                 v
//!   operators ── network ── nodes (the real code) ── network ── provider (the real simulated one)
//!                                 │ every step
//!                                 v
//!                    sight ──> invariants, trace
//! ```
//!
//! A world has one thread and one seed. Network, disk, clock and entropy come from that seed, so that the same seed gives the same trace
//! to the byte; everything above those seams is what we deploy.
//!
//! The code above the seams is what we deploy but for one thing: its failpoints are armed ([`arming`]).
//!
//! Architecture invariant: nothing in here stands in for a component that ships. Nodes are [`argosy_server::node::Node`], operators are
//! [`argosy_workload::session::OperatorSession`], the provider is [`argosy_provider::sim::Sim`].

pub mod arming;
pub mod entries;
pub mod faults;
pub mod history;
pub mod invariants;
pub mod layout;
mod liveness;
pub mod log;
pub mod page;
mod planted;
pub mod proof;
pub mod report;
mod report_page;
pub mod run;
pub mod scenario;
pub mod series;
pub mod shrink;
pub mod sight;
pub mod stage;
pub mod timeline;
pub mod trace;
mod wire;
pub mod world;
