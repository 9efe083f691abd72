//! The sidecar over real gRPC on loopback, with real scripts.

mod conformance;
mod crash;
mod exec;
mod rig;
