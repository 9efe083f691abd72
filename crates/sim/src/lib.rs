//! The fleet simulator: real engine, real fold, simulated everything else, on virtual time.
//!
//! Commands go in, plans come out, as on a shard's leader: what arrives is made into a [`argosy_shard::Command`], encoded,
//! applied, decided upon, linted, rehearsed, committed as a plan, and carried out against a simulated cloud whose answers
//! come back as commands. Nothing but Raft, the wire and the disk is left out.
//!
//! ```text
//! actor (script, pods, soak, trace) ──> fleet ──> leader: ShardState + Engine ──> calls
//!                                         ^                                        │
//!                                         └── listings, outcomes ── cloud <────────┘
//! ```
//!
//! - [`cloud`] is the provider: slots, fences, transitions that take their time, faults;
//! - [`leader`] is one shard as its leader runs it, and what must hold after each of its entries;
//! - [`fleet`] is the clock: the next thing that is due happens next, on one thread, in a total order;
//! - [`script`], [`closed`] and [`soak`] act on a fleet from outside; [`quality`] holds small fleets against the best there is;
//!   [`replay`] is a production trace; [`report`] is what a run leaves behind; [`suite`] lists all that can be run.
//!
//! **What is deliberately absent:** clocks, threads, entropy. One seed gives the same bytes on any machine and on any number
//! of cores. This crate is never linked into what is deployed.

pub mod actor;
pub mod check;
pub mod closed;
pub mod cloud;
pub mod difference;
pub mod error;
pub mod fleet;
pub mod leader;
pub mod quality;
pub mod rehearsal;
pub mod replay;
pub mod report;
pub mod routes;
pub mod row;
pub mod scenario;
pub mod script;
pub mod soak;
pub mod suite;
pub mod trace;

pub use actor::Actor;
pub use check::{Check, Report};
pub use cloud::{Cloud, Dwell, Dwells, Offer};
pub use error::SimError;
pub use fleet::{FleetSim, Setup, ShardSetup};
pub use leader::{Acted, Change, Cycled, Leader};
pub use row::Row;
pub use suite::{Played, Run};
