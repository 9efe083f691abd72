//! What can go wrong with a data directory. Every sentence names the place and what to do.

use std::sync::Arc;

use crate::ids::{ClusterId, GroupId, NodeId};

/// An error of this crate.
///
/// It is cheap to clone, because one failed sync is told to everybody who waited for it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// A record does not match its checksum, is missing, or makes no sense.
    #[error(
        "ARG-0202: {place} is damaged: {reason}; do not repair it by hand: remove this node from its groups, empty its data directory and \
         let it join again"
    )]
    Damaged {
        /// Which record.
        place: Place,
        /// What does not fit.
        reason: String,
    },
    /// A record was written by a later version of the program.
    #[error(
        "ARG-0203: {place} has format {found}, this version reads up to {known}; run the version that wrote it, or a later one"
    )]
    FutureFormat {
        /// Which record.
        place: Place,
        /// Its format version.
        found: u8,
        /// The newest version that this program reads.
        known: u8,
    },
    /// A node that should exist was opened on an empty directory.
    #[error(
        "ARG-0204: the data directory is empty, but node {node} was told to resume; mount the right directory, or say `bootstrap` (first \
         start of a new cluster) or `join` (a new node of a running one)"
    )]
    Empty {
        /// The node.
        node: NodeId,
    },
    /// The directory belongs to somebody else.
    #[error(
        "ARG-0205: the data directory belongs to node {found_node} of cluster {found_cluster}, not to node {node} of cluster {cluster}; \
         mount the right directory or correct the configuration"
    )]
    Foreign {
        /// The node that opened it.
        node: NodeId,
        /// Its cluster.
        cluster: ClusterId,
        /// The node it belongs to.
        found_node: NodeId,
        /// The cluster it belongs to.
        found_cluster: ClusterId,
    },
    /// Another process holds the directory.
    #[error("ARG-0206: the data directory {path} is in use by another process; stop that one first")]
    Locked {
        /// The directory.
        path: String,
    },
    /// A write or a sync failed. What reached the disk is unknown, so nothing more is written: the node must restart and read again.
    #[error(
        "ARG-0207: the disk failed ({operation}): {reason}; the node stops writing, check the disk and its free space, then restart the node"
    )]
    Failed {
        /// What was being done.
        operation: &'static str,
        /// What the system said.
        reason: Arc<str>,
    },
    /// The store was closed.
    #[error("ARG-0208: the store is closed; the node is shutting down")]
    Closed,
}

/// Names a record for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The identity of the data directory.
    Identity,
    /// An entry of a group's log.
    Log {
        /// The group.
        group: GroupId,
        /// The index of the entry.
        index: u64,
    },
    /// A cell of a group.
    Cell {
        /// The group.
        group: GroupId,
        /// The name of the cell.
        name: String,
    },
    /// A part of a snapshot.
    Snapshot {
        /// The group.
        group: GroupId,
        /// The chunk.
        chunk: u64,
    },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Identity => f.write_str("the identity of the data directory"),
            Self::Log { group, index } => write!(f, "entry {index} in the log of group {group}"),
            Self::Cell { group, name } => write!(f, "the cell '{name}' of group {group}"),
            Self::Snapshot { group, chunk } => write!(f, "chunk {chunk} of the snapshot of group {group}"),
        }
    }
}

impl StorageError {
    /// A failed disk operation.
    pub fn failed(operation: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Failed { operation, reason: reason.to_string().into() }
    }

    pub(crate) fn damaged(place: Place, reason: impl Into<String>) -> Self {
        Self::Damaged { place, reason: reason.into() }
    }
}
