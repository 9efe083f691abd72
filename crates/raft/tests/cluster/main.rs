//! Whole clusters in one process, over real gRPC on loopback and simulated disks.

mod faults;
mod ledger;
mod members;
mod nodes;
mod replication;
mod wires;
