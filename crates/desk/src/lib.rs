//! The desks of a leader: what it concludes from what it is told and what no log keeps, as commands for the shard's log.
//!
//! ```text
//!   agents' events and readings ──> health::Desk ──┐
//!   agents' silence ──> silence::Silence ─> (event)┤
//!   load of pools ────────────────> pools::Desk ───┼──> Command ──> the log ──> ShardState ──> both desks
//!   time ──────────────────────────────────────────┘
//! ```
//!
//! Soft state with a beginning: a new leader's desks start from the committed state and are told anew. The server's leader
//! puts locks, tasks and acknowledgements around them; the simulator puts virtual time around the same code.
//!
//! **What is deliberately absent:** clocks, tasks, the wire. Nothing here is decided that the fold does not check again.

pub mod health;
mod plant;
pub mod pools;
pub mod silence;
mod window;
