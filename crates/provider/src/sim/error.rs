//! What can keep the simulated provider from starting or going on.

use std::net::SocketAddr;

use thiserror::Error;

/// Why the simulated provider does not run.
#[derive(Debug, Error)]
pub enum SimError {
    /// The catalogue cannot be read or contradicts itself.
    #[error("ARG-0510: the provider's catalogue is not usable: {0}")]
    Catalogue(String),
    /// The store was made with another catalogue or seed.
    #[error(
        "ARG-0511: the provider's store was made with another {what}; give it that one again, or an empty data directory"
    )]
    OtherFleet {
        /// What differs.
        what: &'static str,
    },
    /// The store cannot be read or written.
    #[error("ARG-0512: the provider's store failed: {0}")]
    Store(String),
    /// Plaintext is for this machine alone.
    #[error(
        "ARG-0513: the simulated provider speaks plaintext only on a loopback address, not on {0}; put it behind TLS to listen there"
    )]
    NotLoopback(SocketAddr),
    /// The network failed.
    #[error("ARG-0514: the provider cannot serve: {0}")]
    Serve(String),
}
