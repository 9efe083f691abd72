//! Why a node does not start.

use argosy_raft::OpenError;
use argosy_storage::{InvalidClusterId, StorageError};

use crate::metrics::MetricsError;
use crate::pki::PkiError;
use crate::tls::TlsError;

/// A node that could not start, or that had to stop.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The name of the installation cannot name a data directory.
    #[error(transparent)]
    Fleet(#[from] InvalidClusterId),
    /// The data directory cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A replica cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Connections cannot be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Agents' certificates cannot be signed.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// Metrics cannot be served.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The placement gives a group to another shard than the one whose log lies there.
    #[error(
        "ARG-0613: group {group} on this node holds shard '{found}', but the placement gives the number {group} to shard '{expected}'; \
         a shard keeps its number for ever: correct the placement"
    )]
    OtherShard {
        /// The group's number.
        group: u32,
        /// Whose log it is.
        found: String,
        /// Whose the placement says it is.
        expected: String,
    },
    /// A provider's address is no good.
    #[error("ARG-0618: provider '{provider}' cannot be dialled: {reason}; correct `providers` in the configuration")]
    Provider {
        /// Which.
        provider: String,
        /// What is wrong.
        reason: String,
    },
    /// The descriptors for reflection are damaged.
    #[error("ARG-0620: the service descriptors of this release are damaged: {0}; install it again")]
    Descriptors(String),
    /// The server ended by itself.
    #[error("ARG-0619: the server ended: {0}; see the log above, then start the node again")]
    Server(String),
}
