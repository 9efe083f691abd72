//! HTTP to the outside: one client for webhooks, metrics and cloud APIs.
//!
//! hyper's pooled client over rustls. It follows no redirect (a signature is for one receiver), takes no proxy from the environment, and
//! puts a bound on everything: time, size of the answer, idle connections. Plain HTTP goes to loopback only, judged by the address that was
//! reached and not by its name, unless a caller allows more.
//!
//! **What is deliberately absent:** retries, queues, JSON. They are their callers'.

mod client;
mod connect;
mod error;

pub use client::{Bounds, Client};
pub use connect::Plain;
pub use error::WebError;
