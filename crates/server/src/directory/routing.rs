//! Routing by the directory, and by the placement file for what the directory does not know yet.

use argosy_raft::NodeId;

use super::Coordinator;
use crate::node::{Routing, StaticRouting};

/// Asks the directory first.
pub(crate) struct DirectoryRouting {
    coordinator: Coordinator,
    file: StaticRouting,
}

impl DirectoryRouting {
    pub(crate) fn new(coordinator: Coordinator, file: StaticRouting) -> Self {
        Self { coordinator, file }
    }
}

impl Routing for DirectoryRouting {
    fn shard_of(&self, cluster: &str) -> Option<String> {
        let view = self.coordinator.view();
        let bound = view.clusters().find(|(bound, _)| *bound == cluster).map(|(_, shard)| shard.to_owned());
        bound.or_else(|| self.file.shard_of(cluster))
    }

    fn voters(&self, shard: &str) -> Vec<NodeId> {
        let view = self.coordinator.view();
        let Some(placement) = view.placement(shard) else { return self.file.voters(shard) };
        placement.voters.iter().filter_map(|voter| view.node(voter)).map(|node| NodeId(node.number)).collect()
    }
}
