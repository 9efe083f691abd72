//! Connections, accepted and dialled: mutual TLS 1.3, or plaintext that stays on loopback.
//!
//! `credentials` holds this process's certificate and reads it again when its files change; `incoming` turns a listener
//! into the stream of connections that tonic serves, each with the identity of its peer; `dial` makes channels to peers
//! whose certificates carry the identity that was expected. Both work over any listener and any way to connect, so that
//! a simulation can bring its own network. What a peer may do is `authz`'s affair.

mod callers;
mod credentials;
mod dial;
mod incoming;
mod limits;
mod network;
mod pinned;
mod places;
mod signatures;
mod verify;
mod wire;

pub use credentials::Credentials;
pub use dial::{Dialer, Peer, to_join};
pub use incoming::{Connection, Incoming, accept, accept_strangers};
pub use limits::{Limits, server};
pub use network::{Connect, Listen, Tcp, listen};
pub use pinned::Trust;
pub(crate) use places::neighbourhood;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use argosy_proto::authz::Role;

use crate::authz::{Identity, IdentityError};
use crate::config::{self, Config};
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
    pub fn from_config(config: &Config) -> Result<Self, TlsError> {
        let config::Security::Tls(files) = &config.security else { return Ok(Self::Plaintext) };
        let credentials = Credentials::load(files)?;
        let credentials = match &config.join.authority {
            Some(authority) => credentials.with_agents_of(authority, &files.ca)?,
            None => credentials,
        };
        Ok(Self::Mutual(Arc::new(credentials)))
    }

    /// What a node's configuration says, with its files read; the certificate must be that node's. Another one would be
    /// good enough to start with and refused by every peer.
    ///
    /// # Errors
    /// ARG-0714 for another's certificate, and as [`Self::from_config`].
    pub fn for_node(config: &Config) -> Result<Self, TlsError> {
        let security = Self::from_config(config)?;
        let Self::Mutual(credentials) = &security else { return Ok(security) };
        let holder = credentials.holder()?;
        if holder.is(Role::Node, config.node.id.as_str()) {
            return Ok(security);
        }
        Err(TlsError::NotOurs { node: config.node.id.to_string(), holder })
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
    /// The certificate at `tls.cert` is somebody else's.
    #[error(
        "ARG-0714: this is node/{node} and the certificate is {holder}'s; issue one with `argosy pki issue --identity node/{node}`"
    )]
    NotOurs {
        /// This node.
        node: String,
        /// Whose certificate it is.
        holder: Identity,
    },
    /// The certificate says not whose it is.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A name or an address that TLS cannot check a certificate against.
    #[error("ARG-0713: {0:?} is not a host name or an address; correct the configuration")]
    Name(String),
}
