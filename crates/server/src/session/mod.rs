//! Operators' sessions on any node: the gRPC service, the front that keeps a stream open over changes of leader, and
//! the relay between the node that accepted a session and the node that leads its shard.
//!
//! Nothing here knows what a roll-up means. Architecture invariant: no acknowledgement is made here; each one comes from
//! the leader's hub, which gives it after the commit.

mod front;
mod lane;
mod refusal;
mod relay;
mod relay_service;
mod service;
mod upstream;

#[cfg(test)]
mod tests;

pub(crate) use lane::FRAME_LANE;
pub use lane::{Attached, Elsewhere, Ended, Frame, Generation, Inlet, InletSender, Numbered, Reply};
pub(crate) use refusal::unbound;
pub(crate) use relay::attach as attach_through;
pub use relay_service::{LocalHubs, RelayService};
pub use service::{SessionCheck, SessionLimits, SessionService};
pub use upstream::{AttachError, Attaching, Upstreams};
