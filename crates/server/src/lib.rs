//! A node: hosts replicas, leader runtime, sessions, admin and read APIs, metrics.

pub mod authz;
pub mod config;
pub mod metrics;
pub mod pki;
pub mod tls;
