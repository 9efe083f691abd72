//! What callers of a group can meet. Each sentence says what to do.

use argosy_storage::{GroupId, NodeId, StorageError};
use openraft::errors::Fatal;

use crate::connect::ConnectError;
use crate::types::TypeConfig;

/// A proposal did not come back as committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// This replica does not lead. The command did not enter the log; propose it to the leader.
    #[error("ARG-0302: this node does not lead the group{}; send the command to the leader", hint(*leader))]
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
    },
    /// The leader lost its place while the command was in its log: it may have been committed, or may yet be. Read before retrying.
    #[error("ARG-0303: leadership changed while the command was on its way, so its outcome is unknown{}; read the state before retrying", hint(*leader))]
    OutcomeUnknown {
        /// The new leader, if known.
        leader: Option<NodeId>,
    },
    /// The command is larger than [`Limits::command_bytes`](crate::Limits::command_bytes). It did not enter the log.
    #[error("ARG-0304: a command of {bytes} bytes exceeds the limit of {limit}; split it")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The replica stopped, in order or because of a fault.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// The replica no longer runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ARG-0301: the replica of group {group} on this node stopped: {reason}; see its log, then restart the node")]
pub struct Stopped {
    /// The group.
    pub group: GroupId,
    /// `shut down`, or the fault.
    pub reason: String,
}

/// A linearizable read could not be confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// This replica does not lead.
    #[error("ARG-0302: this node does not lead the group{}; read from the leader", hint(*leader))]
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
    },
    /// This replica leads, but no majority confirmed it in time.
    #[error("ARG-0305: no majority confirmed the leader in time; retry, or check the links between the nodes")]
    NoQuorum,
    /// The replica stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A change of members, or a transfer of leadership, did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// This replica does not lead.
    #[error("ARG-0302: this node does not lead the group{}; ask the leader", hint(*leader))]
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
    },
    /// The leader lost its place meanwhile; the change may have happened.
    #[error("ARG-0303: leadership changed meanwhile, so the outcome is unknown{}; read the members before retrying", hint(*leader))]
    OutcomeUnknown {
        /// The new leader, if known.
        leader: Option<NodeId>,
    },
    /// A node that must answer for its identity did not.
    #[error("ARG-0306: node {node} did not answer: {reason}; start it, then retry")]
    Unreachable {
        /// The node.
        node: NodeId,
        /// What happened.
        reason: String,
    },
    /// The node id is a member under another instance: its data directory was replaced.
    #[error(
        "ARG-0307: node {node} is a member with another data directory; remove the member first, then add the node again"
    )]
    OtherInstance {
        /// The node.
        node: NodeId,
    },
    /// The group already has other members.
    #[error("ARG-0308: the group was bootstrapped before, with other members; change its members instead")]
    AlreadyBootstrapped,
    /// The request does not fit the members there are.
    #[error("ARG-0309: {0}")]
    Invalid(String),
    /// Another change is under way.
    #[error("ARG-0309: another change of members is under way; retry when it is done")]
    InProgress,
    /// The new leader did not take over in time; the old one goes on.
    #[error("ARG-0311: node {to} did not take over in time; the leader stays, retry later")]
    TransferTimedOut {
        /// The intended leader.
        to: NodeId,
    },
    /// Of the voters that would stay, too few have been heard of lately: the group could never commit again.
    #[error(
        "ARG-0319: of the {voters} voters that would stay, only {heard} have been heard of lately, and a majority is needed; bring the others back first, or remove with force if they are lost for good"
    )]
    TooFewHeard {
        /// How many would stay.
        voters: usize,
        /// How many of them answer.
        heard: usize,
    },
    /// There is no way to a node.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The replica stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A group could not be opened on this node.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is open already.
    #[error("ARG-0312: group {0} is open on this node already")]
    AlreadyOpen(GroupId),
    /// Its stored state is damaged, of a future version, or the disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The timers or limits contradict one another.
    #[error("ARG-0313: the Raft settings are inconsistent: {0}")]
    Config(String),
    /// The replica stopped while it opened.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A snapshot could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Nothing was folded yet.
    #[error("ARG-0318: the group is empty, there is nothing to take a snapshot of; bootstrap it first")]
    Empty,
    /// The replica stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why openraft stopped, in our words.
pub(crate) fn stopped(group: GroupId, fatal: &Fatal<TypeConfig>) -> Stopped {
    let reason = match fatal {
        Fatal::Stopped => "it was shut down".to_owned(),
        Fatal::Panicked => "it panicked".to_owned(),
        Fatal::StorageError(error) => error.to_string(),
    };
    Stopped { group, reason }
}

fn hint(leader: Option<NodeId>) -> String {
    leader.map_or_else(|| " (none is known)".to_owned(), |node| format!(" (node {node} does)"))
}
