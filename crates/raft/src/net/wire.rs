//! What both ends of a link agree on: the greeting, the shapes of payloads, the bounds of a message.

use argosy_proto::argosy::v1::RaftGreeting;
use argosy_storage::{Identity, NodeId};
use serde::{Deserialize, Serialize};

use crate::types::{LogId, ReplicaId, SnapshotMeta, Vote};

/// Largest message of a link. Entries are sent a megabyte at a time, or one by one where one is larger.
pub(crate) const MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// What an append carries besides its entries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AppendHead {
    pub(crate) vote: Vote,
    pub(crate) prev_log_id: Option<LogId>,
    pub(crate) leader_commit: Option<LogId>,
}

/// A request to hand leadership over; openraft's own type has no encoding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) from: Vote,
    pub(crate) to: ReplicaId,
    pub(crate) last_log_id: Option<LogId>,
}

/// What a snapshot is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SnapshotHead {
    pub(crate) vote: Vote,
    pub(crate) meta: SnapshotMeta,
}

/// The answer to an inquiry about a replica.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct ReplicaState {
    /// The group has members, as far as this replica knows: it was bootstrapped, or added by a leader.
    pub(crate) has_members: bool,
}

/// The greeting of this node to another one.
pub(crate) fn greeting(me: &Identity, to: NodeId) -> RaftGreeting {
    RaftGreeting { cluster: me.cluster.to_string(), from_node: me.node.0, from_instance: me.instance.0, to_node: to.0 }
}

/// Checks a greeting, and says who greets.
pub(crate) fn check_greeting(me: &Identity, greeting: Option<&RaftGreeting>) -> Result<ReplicaId, String> {
    let Some(greeting) = greeting else {
        return Err("ARG-0317: the first frame holds no greeting; is the peer an Argosy node?".to_owned());
    };
    if greeting.cluster != me.cluster.as_str() {
        return Err(format!(
            "ARG-0317: this is node {} of cluster '{}', not of cluster '{}'; correct the address or the cluster",
            me.node, me.cluster, greeting.cluster
        ));
    }
    if greeting.to_node != me.node.0 {
        return Err(format!("ARG-0317: this is node {}, not node {}; correct the address", me.node, greeting.to_node));
    }
    Ok(ReplicaId { node: greeting.from_node, instance: greeting.from_instance })
}
