//! Notifications: what is told to whom, and what has been told already.
//!
//! ```text
//!   the fold ──> Transition ──> Outbox ──> (leader: render, sign, send) ──> a receiver
//!   people ────> Sink ────────────┘ ^                    │
//!                                   └──── Progress ──────┘  through the log
//! ```
//!
//! The outbox lies in a shard's replicated state: every replica holds the same transitions, and for each sink the same cursor. A leader
//! sends what lies before a cursor and moves it through the log, so the next one goes on there. What was sent and not yet confirmed is sent
//! again under the same id.
//!
//! **What is deliberately absent:** HTTP, secrets, time, retries. They are the leader's.

pub mod file;
pub mod outbox;
pub mod payload;
pub mod sink;
pub mod topic;
pub mod transition;

pub use file::{FileError, SinkFile};
pub use outbox::{Counts, DeadLetter, Delivery, Kept, Key, Outbox, Progress, Stored};
pub use payload::{Message, Sender};
pub use sink::{Fault, Format, Sink};
pub use topic::Topic;
pub use transition::{Site, Subject, Transition, What};
