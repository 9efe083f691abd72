//! Where a request is answered: on this node if it leads the shard, else on the node that does.

use std::sync::Arc;
use std::time::Duration;

use argosy_failpoint::{Failpoint, fires};
use argosy_proto::argosy::v1::AsOf;
use argosy_raft::{Group, GroupStatus, NodeId, Read};
use argosy_shard::{By, Command};
use argosy_storage::Store;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::refusal;
use crate::authz::{Identity, Role};
use crate::config::{Node, Placement, ShardPlacement};
use crate::directory::Coordinator;
use crate::node::{Mesh, Shards};
use crate::replica::{Replica, View};

/// Set on a request that a node passes on, so that two nodes that each believe the other to lead cannot pass it round.
pub const FORWARDED: &str = "argosy-forwarded";
/// How long a request waits for a leader to be elected before it is turned away.
const LEADER_PATIENCE: Duration = Duration::from_secs(2);
/// The name of the coordinator's group where people name groups.
pub const COORDINATOR: &str = "coordinator";

/// This node as the services see it.
pub struct Site {
    /// This node.
    pub node: Node,
    /// The shards of the installation.
    pub placement: Placement,
    /// The other nodes.
    pub mesh: Mesh,
    /// The replicas on this node.
    pub shards: Shards,
    /// The replica of the directory, where this node votes in the coordinator's group.
    pub coordinator: Option<Coordinator>,
    /// The node's durable store.
    pub store: Arc<Store>,
}

/// Who answers for a shard.
pub(super) enum Place {
    /// This node: it leads.
    Here(Replica),
    /// Another node.
    There(Channel),
}

impl Site {
    /// A shard of the placement.
    pub(super) fn shard(&self, id: &str) -> Result<&ShardPlacement, Status> {
        let found = self.placement.shards.iter().find(|shard| shard.id.as_str() == id);
        found.ok_or_else(|| refusal::unknown_shard(id, self.placement.shards.iter().map(|s| s.id.as_str())))
    }

    /// The replica of a shard on this node.
    pub(super) fn replica(&self, shard: &str) -> Result<&Replica, Status> {
        self.shard(shard)?;
        self.shards.get(shard).ok_or_else(|| refusal::no_replica(shard, self.node.id.as_str()))
    }

    /// The group with this name, and the name of the node's number.
    pub(super) fn group(&self, name: &str) -> Result<&Group, Status> {
        if name == COORDINATOR {
            let coordinator = self.coordinator.as_ref();
            let absent = || refusal::no_replica(name, self.node.id.as_str());
            return coordinator.map(Coordinator::group).ok_or_else(absent);
        }
        Ok(self.replica(name)?.group())
    }

    /// The id of the node with this number; the number itself for a node that the configuration does not know.
    pub(super) fn name(&self, node: NodeId) -> String {
        self.mesh.name(node).map_or_else(|| node.to_string(), str::to_owned)
    }

    /// The number of the node with this id.
    pub(super) fn number(&self, id: &str) -> Result<NodeId, Status> {
        self.mesh.number(id).ok_or_else(|| refusal::unknown_node(id))
    }

    /// Who answers for a shard. Waits a little while nobody leads.
    pub(super) async fn place<T>(&self, shard: &str, request: &Request<T>) -> Result<Place, Status> {
        let site = self.shard(shard)?;
        let forwarded = request.metadata().contains_key(FORWARDED);
        let Some(replica) = self.shards.get(shard) else {
            let voter = site.voters.iter().find(|voter| voter.as_str() != self.node.id.as_str());
            return match voter.filter(|_| !forwarded) {
                Some(voter) => Ok(Place::There(self.channel(self.number(voter.as_str())?)?)),
                None => Err(refusal::no_replica(shard, self.node.id.as_str())),
            };
        };
        match self.leader(replica.group(), forwarded).await? {
            None => Ok(Place::Here(replica.clone())),
            Some(channel) => Ok(Place::There(channel)),
        }
    }

    /// The leader of a group: `None` if it is this node, else a channel to it.
    pub(super) async fn leader(&self, group: &Group, forwarded: bool) -> Result<Option<Channel>, Status> {
        if fires(Failpoint::RequestTurnedAway) {
            return Err(refusal::no_leader());
        }
        let mut leadership = group.leadership();
        let settled = leadership.wait_for(|l| l.ready || l.leader.is_some_and(|leader| leader != self.mesh.me()));
        let known = tokio::time::timeout(LEADER_PATIENCE, settled).await;
        let known = known.ok().and_then(Result::ok).map(|l| *l).ok_or_else(refusal::no_leader)?;
        match known.leader {
            _ if known.ready => Ok(None),
            Some(leader) if !forwarded => self.channel(leader).map(Some),
            _ => Err(refusal::no_leader()),
        }
    }

    /// A view that holds everything acknowledged before the call; this node must lead.
    pub(super) async fn fresh(&self, replica: &Replica) -> Result<Arc<View>, Status> {
        let view = replica.linearizable(Read::Index).await.map_err(|error| refusal::unconfirmed(&error))?;
        // Before its genesis a shard would show settings that it will not begin with.
        if view.state.has_begun() { Ok(view) } else { Err(refusal::not_begun(replica.name())) }
    }

    /// From which state an answer is taken.
    pub(super) fn as_of(&self, replica: &Replica, view: &View, fresh: bool) -> AsOf {
        AsOf {
            shard: replica.name().to_owned(),
            revision: view.applied,
            term: view.term,
            shard_time_ms: view.state.now().0,
            node: self.node.id.to_string(),
            stale_ms: if fresh { 0 } else { silence_ms(replica) },
        }
    }

    /// The channel to another node.
    pub(super) fn channel(&self, node: NodeId) -> Result<Channel, Status> {
        self.mesh.channel(node).map_err(|error| refusal::unconfirmed(&error))
    }
}

fn silence_ms(replica: &Replica) -> u64 {
    u64::try_from(replica.group().silence().as_millis()).unwrap_or(u64::MAX)
}

/// Commits a command on the leader, which this node is.
pub(super) async fn commit(replica: &Replica, command: Command) -> Result<u64, Status> {
    let leader = replica.leader().ok_or_else(refusal::no_leader)?;
    let committed = leader.commit(command).await;
    committed.map(|committed| committed.index).map_err(|error| refusal::not_committed(&error))
}

/// Who asks, and why; a change without a reason is refused.
pub(super) fn by<T>(request: &Request<T>, reason: &str) -> Result<By, Status> {
    if reason.trim().is_empty() {
        return Err(refusal::no_reason());
    }
    Ok(By { actor: caller(request), reason: reason.to_owned() })
}

/// Whether a request was passed on by another node.
pub(super) fn is_forwarded<T>(request: &Request<T>) -> bool {
    request.metadata().contains_key(FORWARDED)
}

/// The request to pass on: the same message and deadline, marked, with the caller named for the audit.
pub(super) fn passed_on<T>(request: Request<T>) -> Request<T> {
    let caller = caller(&request);
    let (metadata, _, message) = request.into_parts();
    let mut next = Request::new(message);
    if let Some(deadline) = metadata.get(DEADLINE) {
        next.metadata_mut().insert(DEADLINE, deadline.clone());
    }
    next.metadata_mut().insert(FORWARDED, MetadataValue::from_static("1"));
    if let Ok(caller) = caller.parse() {
        next.metadata_mut().insert(ON_BEHALF_OF, caller);
    }
    next
}

/// Who a request comes from, for the audit. A node that passes a request on is believed when it names the caller; nobody
/// else is.
pub(super) fn caller<T>(request: &Request<T>) -> String {
    let Some(identity) = request.extensions().get::<Identity>() else {
        return "unknown".to_owned();
    };
    let named = request.metadata().get(ON_BEHALF_OF).and_then(|value| value.to_str().ok());
    match named.filter(|_| identity.role() == Some(Role::Node)) {
        Some(named) => format!("{named} via {identity}"),
        None => identity.to_string(),
    }
}

/// Names the caller of a request that a node passes on.
const ON_BEHALF_OF: &str = "argosy-on-behalf-of";
/// gRPC's own deadline.
const DEADLINE: &str = "grpc-timeout";

/// What [`GroupStatus`] says in the API's words.
pub(super) fn members(site: &Site, status: &GroupStatus) -> (Vec<String>, Vec<String>) {
    let names = |nodes: &std::collections::BTreeSet<NodeId>| nodes.iter().map(|node| site.name(*node)).collect();
    (names(&status.members.voters), names(&status.members.learners))
}
