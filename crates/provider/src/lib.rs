//! Supply over the wire: the client of the CapacityProvider protocol, and the simulated provider.
//!
//! [`client`] is what a shard's leader uses to carry out committed operations and to learn what machines exist. [`sim`] is a provider
//! of its own, in its own process, that keeps the same contract and misbehaves on demand. [`contract`] is what it shares with other
//! providers of ours, and [`conformance`] what any provider can be held to from outside. None of it decides anything, and the engine never calls any of it.

pub mod client;
pub mod conformance;
pub mod contract;
pub mod sim;
