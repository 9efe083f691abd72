//! From a cluster to whoever leads its shard: here, on another node, or nobody for the moment.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argosy_proto::argosy::v1::{RelayHello, SessionGeneration};
use argosy_raft::NodeId;
use tokio::sync::watch;
use tonic::{Extensions, Status};

use super::mesh::{Mesh, unidentified};
use super::shards::Shards;
use crate::authz::{Identity, Role};
use crate::config::Placement;
use crate::metrics::names;
use crate::session::{
    AttachError, Attached, Attaching, Elsewhere, Generation, Inlet, LocalHubs, SessionCheck, Upstreams, attach_through,
    unbound,
};

/// What a relay may add to the largest message of a session.
const RELAY_OVERHEAD: usize = 64 * 1024;

/// Which shard a cluster is bound to, and where a shard's replicas are.
pub trait Routing: Send + Sync + 'static {
    /// The shard of a cluster.
    fn shard_of(&self, cluster: &str) -> Option<String>;

    /// The nodes that vote in a shard's group.
    fn voters(&self, shard: &str) -> Vec<NodeId>;
}

/// The routing of the placement file.
pub struct StaticRouting {
    clusters: BTreeMap<String, String>,
    voters: BTreeMap<String, Vec<NodeId>>,
}

impl StaticRouting {
    /// Reads the placement; `mesh` knows the nodes' numbers.
    #[must_use]
    pub fn new(placement: &Placement, mesh: &Mesh) -> Self {
        let (mut clusters, mut voters) = (BTreeMap::new(), BTreeMap::new());
        for shard in &placement.shards {
            clusters.extend(shard.clusters.iter().map(|cluster| (cluster.to_string(), shard.id.to_string())));
            let nodes = shard.voters.iter().filter_map(|voter| mesh.number(voter.as_str()));
            voters.insert(shard.id.to_string(), nodes.collect());
        }
        Self { clusters, voters }
    }
}

impl Routing for StaticRouting {
    fn shard_of(&self, cluster: &str) -> Option<String> {
        self.clusters.get(cluster).cloned()
    }

    fn voters(&self, shard: &str) -> Vec<NodeId> {
        self.voters.get(shard).cloned().unwrap_or_default()
    }
}

/// Attaches sessions to leaders.
pub(super) struct Router {
    pub(super) shards: Shards,
    pub(super) mesh: Mesh,
    pub(super) routing: Arc<dyn Routing>,
    pub(super) largest_message: usize,
    /// Which voter is asked next where this node has no replica that would know the leader.
    pub(super) turn: AtomicUsize,
    /// Whether this node hears no other one.
    pub(super) cut_off: watch::Receiver<bool>,
}

impl Router {
    /// The node to relay to: the leader as the replica here knows it, else one voter after the other.
    fn next_hop(&self, shard: &str) -> Option<NodeId> {
        if let Some(replica) = self.shards.get(shard) {
            return replica.leadership().leader.filter(|leader| *leader != self.mesh.me());
        }
        let voters = self.routing.voters(shard);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        (!voters.is_empty()).then(|| voters[turn % voters.len()])
    }

    async fn relay(
        &self,
        shard: String,
        cluster: &str,
        generation: Option<Generation>,
        inlet: Inlet,
    ) -> Result<Attached, AttachError> {
        let hop = self.next_hop(&shard);
        let Some(node) = hop else {
            return Err(AttachError::Later(format!("shard '{shard}' has no leader now")));
        };
        let channel = self.mesh.channel(node).map_err(|error| AttachError::Later(error.to_string()))?;
        let generation = generation.map(|Generation { term, count }| SessionGeneration { term, count });
        let hello = RelayHello { cluster_id: cluster.to_owned(), shard_id: shard.clone(), generation };
        attach_through(
            channel,
            self.until_superseded(&shard, node),
            hello,
            inlet,
            self.largest_message + RELAY_OVERHEAD,
        )
        .await
    }

    /// A leader on another node, until the replica here knows of the next; without one, until its node ends the session.
    fn until_superseded(&self, shard: &str, leader: NodeId) -> Elsewhere {
        let leadership = self.shards.get(shard).map(|replica| replica.group().leadership());
        Elsewhere::until(async move {
            let Some(mut leadership) = leadership else { return pending().await };
            let superseded = leadership.wait_for(|now| now.leader.is_some_and(|known| known != leader));
            // The group has shut down: nothing is known any more.
            if superseded.await.is_err() {
                pending().await
            }
        })
    }
}

impl Upstreams for Router {
    fn attach<'a>(&'a self, cluster: &'a str, generation: Option<Generation>, inlet: Inlet) -> Attaching<'a> {
        Box::pin(async move {
            let Some(shard) = self.routing.shard_of(cluster) else {
                return Err(AttachError::Refused(unbound(cluster)));
            };
            match self.shards.get(&shard).and_then(|replica| replica.leader()) {
                Some(leader) => leader.hub().attach(cluster, generation, inlet),
                None => self.relay(shard, cluster, generation, inlet).await,
            }
        })
    }

    fn cut_off(&self) -> watch::Receiver<bool> {
        self.cut_off.clone()
    }
}

impl LocalHubs for Router {
    fn attach_here(
        &self,
        shard: &str,
        cluster: &str,
        generation: Option<Generation>,
        inlet: Inlet,
    ) -> Result<Attached, AttachError> {
        match self.shards.get(shard).and_then(|replica| replica.leader()) {
            Some(leader) => leader.hub().attach(cluster, generation, inlet),
            None => Err(AttachError::Later(format!("this node does not lead shard '{shard}'"))),
        }
    }
}

/// Holds a session's greeting against the caller's certificate.
pub(super) struct ClusterCheck;

impl SessionCheck for ClusterCheck {
    fn check(&self, extensions: &Extensions, cluster: &str) -> Result<(), Status> {
        let identity = extensions.get::<Identity>().ok_or_else(unidentified)?;
        identity.require(Role::Cluster, cluster).inspect_err(|_| {
            metrics::counter!(names::SESSION_IDENTITY_REJECTED).increment(1);
        })
    }
}
