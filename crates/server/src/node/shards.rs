//! The replicas of one node, by shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::replica::Replica;

/// The shards of which this node has a replica. Clones are the same set.
#[derive(Clone, Default)]
pub struct Shards(Arc<BTreeMap<String, Replica>>);

impl Shards {
    /// These replicas.
    pub fn new(replicas: impl IntoIterator<Item = Replica>) -> Self {
        Self(Arc::new(replicas.into_iter().map(|replica| (replica.name().to_owned(), replica)).collect()))
    }

    /// The replica of a shard on this node.
    #[must_use]
    pub fn get(&self, shard: &str) -> Option<&Replica> {
        self.0.get(shard)
    }

    /// All of them, by shard.
    pub fn iter(&self) -> impl Iterator<Item = &Replica> {
        self.0.values()
    }
}
