//! The coordinator's group on this node: the directory of nodes, shards, placements, clusters and domains.
//!
//! It is a Raft group like a shard's, and on no shard's hot path: its leader fills it from the placement file, everybody
//! reads it from the nearest replica, and a node that has none, or one that is still empty, goes by the file.

mod fill;
mod fold;
mod routing;

use std::sync::Arc;

use argosy_coordinator::Directory;
use argosy_raft::{Group, GroupId, Host, OpenError, Read, ReadError};
use tokio::sync::watch;

pub(crate) use fill::keep_filled;
pub(crate) use routing::DirectoryRouting;

use self::fold::Fold;

/// The number of the coordinator's group.
pub const GROUP: GroupId = GroupId(0);

/// This node's replica of the directory. Clones are the same replica.
#[derive(Clone)]
pub struct Coordinator {
    group: Group,
    published: watch::Receiver<Arc<Directory>>,
}

impl Coordinator {
    /// Opens the replica.
    pub(crate) async fn open(host: &Host) -> Result<Self, OpenError> {
        let (publish, published) = watch::channel(Arc::new(Directory::new()));
        let group = host.open_group(GROUP, Box::new(Fold::new(publish))).await?;
        Ok(Self { group, published })
    }

    /// Its Raft group.
    #[must_use]
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// The directory with everything that was acknowledged before the call; this node must lead the group.
    pub(crate) async fn fresh(&self) -> Result<Arc<Directory>, ReadError> {
        self.group.read_barrier(Read::Index).await?;
        Ok(self.view())
    }

    /// The directory as this replica has it.
    #[must_use]
    pub fn view(&self) -> Arc<Directory> {
        self.published.borrow().clone()
    }
}
