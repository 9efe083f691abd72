//! Pools: demand whose size a policy sets instead of a cluster's roll-up.
//!
//! ```text
//!   pool file ──> Specification ─┐
//!   metrics ────> Reading ───────┼─> decide ──> Decision (a target, and why) ──> a need of `target` machines
//!   the log ────> Standing ──────┘
//! ```
//!
//! Everything here is a pure function: time, metrics and what was decided before come in, a decision goes out. The leader of
//! a shard evaluates; the outcome goes through the log, and the fold turns it into demand like any other. The phases of the
//! engine do the rest: an unhealthy machine of a pool is replaced because it no longer covers the pool's need.
//!
//! **What is deliberately absent:** providers, machines by name, a path that buys or kills a machine.

pub mod address;
pub mod calendar;
pub mod consolidation;
pub mod decide;
pub mod file;
pub mod import;
pub mod lanes;
pub mod limit;
pub mod offerings;
mod plant;
pub mod policy;
pub mod prometheus;
pub mod reading;
pub mod rehearse;
pub mod scalar;
pub mod series;
pub mod source;
pub mod specification;
pub mod split;
pub mod standing;

pub use address::address;
pub use calendar::Clock;
pub use consolidation::ConsolidationPolicy;
pub use decide::{Decision, Held, decide};
pub use file::{FileError, PoolFile};
pub use lanes::LanePolicy;
pub use limit::Limit;
pub use policy::{Policy, Reason};
pub use reading::{QueueDepth, Reading};
pub use rehearse::rehearse;
pub use scalar::{Percent, Span};
pub use series::Series;
pub use source::{Prometheus, Sources};
pub use specification::{Bounds, Fault, Machine, Specification};
pub use split::{Seller, Sellers, Strategy};
pub use standing::Standing;
