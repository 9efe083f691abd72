//! The sidecar over real gRPC on loopback, with real scripts and a stand-in for a cloud.

mod bootstrap;
mod cloud;
mod conformance;
mod crash;
mod exec;
mod lambda;
mod rig;
mod sshd;
