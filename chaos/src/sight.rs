//! What can be seen of a world at one moment, from outside: what invariants judge and the trace records.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argosy_proto::argosy::v1::Effect;
use argosy_raft::GroupStatus;
use argosy_server::leader::Decided;
use argosy_server::replica::{Folded, Listener, View};
use argosy_storage::Disk;

use crate::entries::EntrySight;
use crate::layout::{Layout, ShardSite};

/// One look at a world.
pub struct Sight<'a> {
    /// Since the world began.
    pub at: Duration,
    /// The world on paper.
    pub layout: &'a Layout,
    /// Its nodes, in the order of the layout.
    pub nodes: Vec<NodeSight>,
    /// What was folded in anywhere for the first time since the last look, in the order of each shard's log.
    pub entries: Vec<EntrySight>,
    /// What the provider did since the last look.
    pub effects: Vec<Effect>,
    /// The agents of machines.
    pub agents: Vec<AgentSight>,
    /// The operators' sessions, by cluster.
    pub clusters: BTreeMap<String, ClusterSight>,
}

impl Sight<'_> {
    /// Every replica that runs, with its node.
    pub fn replicas(&self) -> impl Iterator<Item = (&NodeSight, &ReplicaSight)> {
        self.nodes.iter().flat_map(|node| node.replicas.iter().map(move |replica| (node, replica)))
    }

    /// Every place where a replica may have stored something, whether it runs or not.
    pub fn places(&self) -> impl Iterator<Item = (&NodeSight, &ShardSite)> {
        self.nodes.iter().flat_map(|node| self.layout.shards.iter().map(move |shard| (node, shard)))
    }
}

/// One node.
pub struct NodeSight {
    /// Its id.
    pub id: String,
    /// Its number in Raft.
    pub number: u64,
    /// Counts its starts.
    pub life: u32,
    /// Counts the disks that it has lost.
    pub disk: u32,
    /// Who it is while it has this disk; `None` while it is down.
    pub instance: Option<u64>,
    /// It stands still: its disk may be behind what it says.
    pub paused: bool,
    /// What a crash could not take from its disk.
    pub durable: Arc<dyn Disk>,
    /// Its replicas; none while it is down.
    pub replicas: Vec<ReplicaSight>,
    /// Why it did not start or stopped writing, if so.
    pub refused: Option<String>,
}

/// One replica.
pub struct ReplicaSight {
    /// The shard.
    pub shard: String,
    /// The number of its group.
    pub group: u64,
    /// Its account of itself.
    pub status: GroupStatus,
    /// The term of the leader's runtime, while there is one.
    pub reign: Option<u64>,
    /// What its last cycle decided, while it leads.
    pub decided: Option<Arc<Decided>>,
    /// What it shows to readers.
    pub view: Arc<View>,
    /// What it published since the last look, in order.
    pub published: Vec<Published>,
    /// Why it does not work, if so.
    pub halted: Option<String>,
}

/// One published view, with what led to it.
#[derive(Clone)]
pub struct Published {
    /// The view.
    pub view: View,
    /// The events.
    pub events: Vec<Folded>,
}

/// One cluster's operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterSight {
    /// Pods that ask for capacity.
    pub pods: u64,
    /// Greetings that were acknowledged.
    pub greetings: u64,
    /// Roll-ups sent.
    pub sent: u64,
    /// Roll-ups acknowledged.
    pub acknowledged: u64,
    /// Whether it ever reported that it needs nothing, in truth or not.
    pub said_nothing: bool,
}

/// One machine's agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSight {
    /// The machine.
    pub machine: Arc<str>,
    /// The shard that it is sure to belong to, while its provider has it.
    pub shard: Arc<str>,
    /// Events that have happened, numbered from 1.
    pub happened: u64,
    /// How many of them a leader has taken; `None` before the agent's first start.
    pub acknowledged: Option<u64>,
}

/// Hears everything that a replica publishes, until it is asked for it.
#[derive(Default)]
pub(crate) struct Tape(Mutex<Vec<Published>>);

impl Tape {
    /// What was heard since the last call.
    pub(crate) fn take(&self) -> Vec<Published> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Listener for Tape {
    fn folded(&self, view: &View, events: &[Folded]) {
        let published = Published { view: view.clone(), events: events.to_vec() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(published);
    }
}
