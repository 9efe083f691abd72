//! The node agent: what a machine and its GPUs are, how they are, and what happened to them, told to the leader of its shard.
//!
//! Data goes one way: sources ([`gpu`], [`kernel_log`], [`host`]) are read into samples and events, every one is written into the
//! journal under a number, and the uplink sends the journal until it is acknowledged. Commands come the other way and run
//! what the site has configured, at most once. Everything that touches the world is a seam, so that the whole agent runs in
//! a simulated one.
//!
//! Architecture invariant: the agent holds no state of the fleet and decides nothing. What an event means is the leader's
//! affair (crates/health); here a fact is a fact.

pub mod commands;
pub mod config;
pub mod event;
pub mod gpu;
pub mod host;
pub mod identity;
pub mod journal;
pub mod json;
pub mod kernel_log;
pub mod merge;
mod pause;
pub mod pci;
pub mod post;
pub mod run;
pub mod snapshot;
pub mod uplink;
pub mod watch;
pub mod xid;
