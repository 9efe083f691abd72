//! What every provider of ours keeps to: calls as they come in, the fence, the four transitions, and how a call is turned down; and the service
//! of the protocol over a book.
//!
//! Without I/O and without state of its own; the simulated provider and the sidecars build their books on it.

mod call;
mod fence;
mod kind;
mod payment;
mod refused;
mod service;

pub use call::{Ask, Call};
pub use fence::{Marks, Token};
pub use kind::Kind;
pub use payment::Payment;
pub use refused::Refused;
pub use service::{Books, Service};

/// The protocol's limit on a message, both ways.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024 * 1024;
