//! Supply over the wire: the client of the CapacityProvider protocol, and the simulated provider.
//!
//! [`client`] is what a shard's leader uses to carry out committed operations and to learn what machines exist. [`sim`] is a provider
//! of its own, in its own process, that keeps the same contract and misbehaves on demand. Neither decides anything, and the
//! engine never calls either.

pub mod client;
pub mod sim;
