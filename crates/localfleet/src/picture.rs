//! What a fleet looks like from outside, read over its own API: the live view, the checks and the summaries all start here.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_proto::argosy::v1::{Freshness, GetShardRequest, RecentDecision, ShardDetail};
use futures::future::join_all;

use crate::blueprint::Blueprint;
use crate::clients::{Clients, within};

/// One look at the whole fleet.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// The shards, as their leaders tell. A shard that could not be asked is missing.
    pub shards: BTreeMap<String, ShardDetail>,
    /// Which nodes answered.
    pub nodes_up: BTreeMap<String, bool>,
    /// What every replica says of itself, by shard and node.
    pub replicas: BTreeMap<(String, String), Replica>,
}

/// What a replica says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replica {
    /// The log index of its state.
    pub revision: u64,
    /// The term that it knows of.
    pub term: u64,
    /// Whether it says that it leads.
    pub leads: bool,
    /// The hash of its state; empty unless it was asked for.
    pub hash: Vec<u8>,
}

/// How long one question may take. A node that is paused or cut off answers none.
const PATIENCE: Duration = Duration::from_secs(2);

impl Picture {
    /// Asks every shard's leader through some node that answers, and every node about its own replicas.
    pub async fn take(blueprint: &Blueprint, clients: &Clients) -> Self {
        Self::taken(blueprint, clients, false).await
    }

    /// The same, with the hashes of the replicas' states: each replica reads all that it holds.
    pub async fn with_hashes(blueprint: &Blueprint, clients: &Clients) -> Self {
        Self::taken(blueprint, clients, true).await
    }

    async fn taken(blueprint: &Blueprint, clients: &Clients, hashes: bool) -> Self {
        let mut picture = Self::default();
        // All at once: those that do not answer keep nobody waiting but themselves.
        let replicas = join_all(blueprint.nodes.iter().map(async |node| {
            let own = join_all(blueprint.shards.iter().map(async |shard| {
                let detail = ask(clients, &node.id, &shard.id, Freshness::Stale, hashes).await.ok()?;
                Some(((shard.id.clone(), node.id.clone()), Replica::told(&node.id, &detail)))
            }));
            (node.id.clone(), own.await)
        }));
        for (node, own) in replicas.await {
            picture.nodes_up.insert(node, own.iter().any(Option::is_some));
            picture.replicas.extend(own.into_iter().flatten());
        }
        let up: Vec<&str> = picture.nodes_up.iter().filter(|(_, up)| **up).map(|(node, _)| node.as_str()).collect();
        let details = join_all(blueprint.shards.iter().map(async |shard| {
            for node in &up {
                if let Ok(detail) = ask(clients, node, &shard.id, Freshness::Linearizable, false).await {
                    return Some((shard.id.clone(), detail));
                }
            }
            None
        }));
        picture.shards = details.await.into_iter().flatten().collect();
        picture
    }

    /// The leader of every shard that has one.
    pub fn leaders(&self) -> BTreeMap<&str, &str> {
        let leader = |detail: &ShardDetail| detail.status.as_ref().map(|s| s.leader.clone());
        self.shards
            .iter()
            .filter(|(_, detail)| leader(detail).is_some_and(|l| !l.is_empty()))
            .filter_map(|(shard, detail)| Some((shard.as_str(), detail.status.as_ref()?.leader.as_str())))
            .collect()
    }

    /// Machines by state, over all shards.
    pub fn machines_by_state(&self) -> BTreeMap<String, u64> {
        sum(self.shards.values().map(|detail| &detail.machines_by_state))
    }

    /// Actions committed since the shards began, by kind.
    pub fn actions(&self) -> BTreeMap<String, u64> {
        sum(self.shards.values().map(|detail| &detail.actions))
    }

    /// Needs, and how many of them are short with nothing on its way.
    pub fn needs(&self) -> (u64, u64) {
        self.shards.values().fold((0, 0), |(needs, short), d| (needs + d.needs, short + d.shortfalls))
    }

    /// The latest decisions of all shards, with their shard, newest first.
    pub fn recent(&self, most: usize) -> Vec<(&str, &RecentDecision)> {
        let mut all: Vec<_> =
            self.shards.iter().flat_map(|(id, d)| d.recent.iter().map(move |r| (id.as_str(), r))).collect();
        all.sort_by_key(|(shard, decision)| (std::cmp::Reverse(decision.shard_time_ms), *shard));
        all.truncate(most);
        all
    }
}

impl Replica {
    fn told(node: &str, detail: &ShardDetail) -> Self {
        let status = detail.status.as_ref();
        Self {
            revision: detail.as_of.as_ref().map_or(0, |as_of| as_of.revision),
            term: status.map_or(0, |status| status.term),
            leads: status.is_some_and(|status| status.leader == node),
            hash: detail.state_hash.to_vec(),
        }
    }
}

async fn ask(
    clients: &Clients,
    node: &str,
    shard: &str,
    freshness: Freshness,
    with_state_hash: bool,
) -> Result<ShardDetail, tonic::Status> {
    let request = GetShardRequest { shard: shard.to_owned(), freshness: freshness.into(), with_state_hash };
    let mut fleet = clients.fleet(node)?;
    let answer = tokio::time::timeout(PATIENCE, fleet.get_shard(within(PATIENCE, request))).await;
    answer.map_err(|_| tonic::Status::deadline_exceeded("no answer in time"))?.map(tonic::Response::into_inner)
}

fn sum<'a>(maps: impl Iterator<Item = &'a BTreeMap<String, u64>>) -> BTreeMap<String, u64> {
    let mut total = BTreeMap::new();
    for (key, count) in maps.flatten() {
        *total.entry(key.clone()).or_default() += count;
    }
    total
}
