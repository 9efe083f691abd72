//! Connections, accepted and dialled: mutual TLS 1.3, or plaintext that stays on loopback.
//!
//! `credentials` holds this process's certificate and reads it again when its files change; `incoming` turns a listener
//! into the stream of connections that tonic serves, each with the identity of its peer; `dial` makes channels to peers
//! whose certificates carry the identity that was expected. Both work over any listener and any way to connect, so that
//! a simulation can bring its own network. What a peer may do is `authz`'s affair.

mod credentials;
mod dial;
mod incoming;
mod limits;
mod network;
mod verify;
mod wire;

pub use credentials::Credentials;
pub use dial::{Dialer, Peer};
pub use incoming::{Connection, Incoming, accept};
pub use limits::{Limits, server};
pub use network::{Connect, Listen, Tcp, listen};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config;
use crate::pki::PkiError;

/// How this process secures its connections.
#[derive(Debug, Clone)]
pub enum Security {
    /// Not at all. Whoever opens a socket keeps it on loopback: [`listen`] and [`Tcp`] do.
    Plaintext,
    /// Mutual TLS.
    Mutual(Arc<Credentials>),
}

impl Security {
    /// What the configuration says, with its files read.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold what it should.
    pub fn from_config(security: &config::Security) -> Result<Self, TlsError> {
        match security {
            config::Security::Plaintext => Ok(Self::Plaintext),
            config::Security::Tls(files) => Ok(Self::Mutual(Arc::new(Credentials::load(files)?))),
        }
    }
}

/// Why a connection cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate file is no good.
    #[error(transparent)]
    Files(#[from] PkiError),
    /// The files are read, and TLS refuses them.
    #[error("ARG-0703: {path}: {reason}; restore the file, or issue the certificate again")]
    Refused {
        /// The file.
        path: PathBuf,
        /// What TLS said.
        reason: String,
    },
    /// Plaintext would leave this machine.
    #[error("ARG-0707: {0} is not a loopback address, and plaintext stays on loopback; use TLS, or 127.0.0.1")]
    PlaintextAbroad(String),
    /// The address to listen on cannot be had.
    #[error("ARG-0712: cannot listen on {address}: {error}; stop what listens there, or choose another address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// A name or an address that TLS cannot check a certificate against.
    #[error("ARG-0713: {0:?} is not a host name or an address; correct the configuration")]
    Name(String),
}
