//! Repair: what happens between the verdict that a machine is unfit and its return, or its replacement.
//!
//! ```text
//!   verdicts, orders ──> Book ──┐
//!   the fleet ──> Census, Sight ┼──> decide ──> moves ──> the log ──> Book (bases, breakers and budgets checked anew)
//!   Policy, time ───────────────┘
//! ```
//!
//! A [`Repair`] is the record of one machine. It waits until its grace is over and nothing holds it; it is *admitted*, and only
//! then does the machine stop being supply; the ordinary phases of the engine cover anew what it served and drain it; then it
//! is reset or rebooted and watched, or given back to its provider, or kept for somebody to look at.
//!
//! [`decide`] is what a leader proposes; [`Book`] is what the log has. Both are pure, and both pass the one [`Gate`], so a budget
//! holds whoever proposes, and however often.
//!
//! **What is deliberately absent:** agents, providers, a way to buy a machine, a clock.

pub mod book;
pub mod census;
pub mod class;
pub mod decide;
pub mod file;
pub mod gate;
pub mod place;
mod plant;
pub mod policy;
pub mod record;
#[cfg(test)]
mod tests;
pub mod wait;

pub use book::{At, Book, Closed, Counts, Ending, Heard, Late, Opened, Report, Stepped, Stored};
pub use census::{Census, Tally};
pub use class::Class;
pub use decide::{Moves, Sight, Situation, decide, next_moment, wait};
pub use file::{FileError, parse};
pub use gate::Gate;
pub use place::{Domain, Place, Scope};
pub use policy::Policy;
pub use record::{Acted, Hold, Move, Order, Repair, Step, StepMove, Trip};
pub use wait::Wait;
