//! A node: hosts replicas, leader runtime, sessions, admin and read APIs, metrics.

pub mod api;
pub mod authz;
pub mod config;
pub mod directory;
pub mod metrics;
pub mod pki;
pub mod tls;
pub mod leader;
pub mod node;
pub mod replica;
pub mod session;
