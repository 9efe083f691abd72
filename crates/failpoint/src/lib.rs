//! Named switches in production code, for simulations: what is legal and rare, and bugs put in on purpose.
//!
//! A [`Failpoint`] is something that production code may do at any time and seldom does: answer late, write one record at a time, give up
//! a leadership, forget a cache. A world that makes it do so often meets the states that matter within seconds, not within years.
//! (Source of the idea: "buggify" of FoundationDB, Zhou et al., SIGMOD 2021, §4.1.) A [`Planted`] bug is something that it must never do;
//! a world with one of them must break a promise, or nobody watches that promise.
//!
//! ```text
//!   production code ──> fires(Failpoint)?  ─┐
//!                       planted(Planted)?   ├─ feature `armed`: this thread's arming, by the world's seed
//!                                           └─ without it: `false`, a constant
//! ```
//!
//! Architecture invariant: only `argosy-chaos` turns on the feature `armed`, and `argosy` is never built with it; a test holds the
//! dependency graph to that. With it, switches are the thread's own: a thread that armed none has none, so that other tests of a
//! workspace build notice nothing. The fold asks for planted bugs only: a failpoint there would make replicas differ.

mod names;
mod planted;
#[cfg_attr(feature = "armed", path = "armed.rs")]
#[cfg_attr(not(feature = "armed"), path = "disarmed.rs")]
mod switch;
mod table;
mod tested;

pub use names::Failpoint;
pub use planted::Planted;
pub use switch::{ARMED, fires, pause, planted};
#[cfg(feature = "armed")]
pub use switch::{Armed, arm, disarm};

/// Parts in a whole, for the chance with which a switch fires.
pub const PPM: u32 = 1_000_000;
