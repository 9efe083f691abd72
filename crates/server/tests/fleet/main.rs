//! Three nodes on loopback, each on a runtime and a simulated disk of its own, with the simulated provider: what the
//! leader's runtime promises, seen from the outside.
//!
//! Nothing here sleeps: every wait is for a condition, with a limit that only a fault reaches.

mod agents;
mod consolidation;
mod demand;
mod explain;
mod failover;
mod faults;
mod health;
mod installation;
mod lanes;
mod lockstep;
mod notify;
mod operator;
mod people;
mod pools;
mod repair;
mod sessions;
