//! The provider contract over real gRPC on loopback: our client, and the simulated provider in virtual time.

mod concurrency;
mod conformance;
mod contract;
mod durability;
mod listing;
mod oracle;
mod rig;
