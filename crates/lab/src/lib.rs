//! What the binary `argosy-lab` is made of beside the simulators: production traces against a real fleet.
//!
//! [`replay`] and [`agents`] start processes and talk to them. Nothing here decides where demand goes: experiments drive the real fleet and
//! look at what it did. The traces themselves are `argosy_trace`'s.

pub mod agents;
pub mod replay;
