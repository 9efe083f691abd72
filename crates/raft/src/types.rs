//! The types that openraft is instantiated with. They go no further than this crate.

use std::fmt;

use argosy_storage::{InstanceId, NodeId};
use bytes::Bytes;
use openraft::impls::{EmptyNode, leader_id_std};
use serde::{Deserialize, Serialize};

/// A member of a group, as Raft knows it: a node in one life of its data directory.
///
/// Because the instance is part of the name, a node whose directory was wiped is somebody else to Raft: nobody counts its votes or its
/// acknowledgements as those of the member it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ReplicaId {
    pub(crate) node: u64,
    pub(crate) instance: u64,
}

impl ReplicaId {
    pub(crate) fn new(node: NodeId, instance: InstanceId) -> Self {
        Self { node: node.0, instance: instance.0 }
    }

    pub(crate) fn node(self) -> NodeId {
        NodeId(self.node)
    }

    pub(crate) fn instance(self) -> InstanceId {
        InstanceId(self.instance)
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node(), self.instance())
    }
}

/// A command on its way through the log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Command(pub(crate) Bytes);

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What the state machine answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Response(pub(crate) Vec<u8>);

/// Clock, tasks, channels and randomness of Raft. A simulation that wants other ones changes this line.
pub(crate) type Runtime = openraft_rt_tokio::TokioRuntime;

openraft::declare_raft_types!(
    /// Textbook Raft: one leader in a term.
    pub(crate) TypeConfig:
        D = Command,
        R = Response,
        NodeId = ReplicaId,
        Node = EmptyNode,
        LeaderId = leader_id_std::LeaderId<u64, ReplicaId>,
        AsyncRuntime = Runtime,
);

pub(crate) type Entry = openraft::alias::EntryOf<TypeConfig>;
pub(crate) type EntryPayload = openraft::alias::PayloadOf<TypeConfig>;
pub(crate) type LogId = openraft::alias::LogIdOf<TypeConfig>;
pub(crate) type Moment = openraft::alias::InstantOf<TypeConfig>;
pub(crate) type Vote = openraft::alias::VoteOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<TypeConfig>;
