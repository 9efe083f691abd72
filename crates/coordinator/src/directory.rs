//! What the directory holds, and what can be asked of it.

use imbl::{OrdMap, OrdSet};

use crate::command::{Node, Placement, Shard};
use crate::tokens::TokenBook;

/// Nodes, shards, placements, cluster→shard and domain→shard. Clones share structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    pub(crate) revision: u64,
    pub(crate) nodes: OrdMap<String, Node>,
    pub(crate) shards: OrdMap<String, Shard>,
    pub(crate) placements: OrdMap<String, Placement>,
    pub(crate) clusters: OrdMap<String, String>,
    pub(crate) domains: OrdMap<(String, String), String>,
    /// Numbers of nodes and groups that are gone: none serves twice.
    pub(crate) retired_numbers: OrdSet<u64>,
    pub(crate) retired_groups: OrdSet<u64>,
    pub(crate) tokens: TokenBook,
}

/// Where a cluster's shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The shard's id.
    pub id: &'a str,
    /// The shard.
    pub shard: &'a Shard,
    /// Its replicas; `None` before it is placed.
    pub placement: Option<&'a Placement>,
}

impl Directory {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Log index of the last entry.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A node.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// All nodes, by id.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(id, node)| (id.as_str(), node))
    }

    /// A shard.
    pub fn shard(&self, id: &str) -> Option<&Shard> {
        self.shards.get(id)
    }

    /// All shards, by id.
    pub fn shards(&self) -> impl Iterator<Item = (&str, &Shard)> {
        self.shards.iter().map(|(id, shard)| (id.as_str(), shard))
    }

    /// Which nodes hold a shard's replicas.
    pub fn placement(&self, shard: &str) -> Option<&Placement> {
        self.placements.get(shard)
    }

    /// The shards with a replica on a node, by id.
    pub fn placed_on<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a str> {
        let holds = move |placement: &Placement| placement.voters.contains(node) || placement.learners.contains(node);
        self.placements.iter().filter(move |(_, placement)| holds(placement)).map(|(shard, _)| shard.as_str())
    }

    /// Where a cluster's shard is.
    pub fn route(&self, cluster: &str) -> Option<Route<'_>> {
        let (id, shard) = self.shards.get_key_value(self.clusters.get(cluster)?)?;
        Some(Route { id, shard, placement: self.placements.get(id) })
    }

    /// All clusters with their shards, by cluster.
    pub fn clusters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.clusters.iter().map(|(cluster, shard)| (cluster.as_str(), shard.as_str()))
    }

    /// The shard that owns a topology domain.
    pub fn owner_of(&self, key: &str, value: &str) -> Option<&str> {
        self.domains.get(&(key.to_owned(), value.to_owned())).map(String::as_str)
    }

    /// All topology domains with their shards, by key and value.
    pub fn domains(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.domains.iter().map(|((key, value), shard)| (key.as_str(), value.as_str(), shard.as_str()))
    }

    /// The join tokens.
    pub fn tokens(&self) -> &TokenBook {
        &self.tokens
    }

    /// The topology domains of a shard.
    pub fn domains_of<'a>(&'a self, shard: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.domains().filter(move |(_, _, owner)| *owner == shard).map(|(key, value, _)| (key, value))
    }
}
