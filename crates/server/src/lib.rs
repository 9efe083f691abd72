//! A node: hosts replicas, leader runtime, sessions, admin and read APIs, metrics.

pub mod config;
