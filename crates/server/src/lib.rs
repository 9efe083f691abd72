//! A node: hosts replicas, leader runtime, sessions, admin and read APIs, metrics.

pub mod api;
pub mod authz;
pub mod config;
pub mod directory;
pub mod join;
pub mod leader;
pub mod metrics;
pub mod node;
pub mod pki;
mod plant;
pub mod replica;
pub mod session;
pub mod tls;
