//! What a replica says about itself: who leads, how far it is, who the members are.

use std::collections::{BTreeMap, BTreeSet};

use argosy_storage::{InstanceId, NodeId};

/// Who leads a group, as this replica knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The term this replica is in.
    pub term: u64,
    /// The leader of that term, if one is known.
    pub leader: Option<NodeId>,
    /// This replica leads, and it has applied the first entry of its own term: only now does it know everything that was ever
    /// acknowledged, so only now may it decide. Goes when no majority has answered it for three of the longest election time-outs, and
    /// comes back, in the same term, if one does before there is a new leader.
    pub ready: bool,
}

/// The voters and learners of a group. During a change of voters, `voters` is the union of the old and the new set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Those whose acknowledgement counts.
    pub voters: BTreeSet<NodeId>,
    /// Those that only follow the log.
    pub learners: BTreeSet<NodeId>,
    /// The instance that each member had when it was let in; another instance under the same id is refused.
    pub instances: BTreeMap<NodeId, InstanceId>,
    /// A change of voters is on its way: both the old and the new majority must agree.
    pub changing: bool,
}

/// A replica's account of its group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupStatus {
    /// Who leads.
    pub leadership: Leadership,
    /// Index of the last entry in the log; 0 when it is empty.
    pub last_log: u64,
    /// Index up to which entries are known to be committed.
    pub committed: u64,
    /// Index up to which entries are folded into the state machine.
    pub applied: u64,
    /// Index that the current snapshot covers; 0 when there is none.
    pub snapshot: u64,
    /// Index up to which entries were purged from the log.
    pub purged: u64,
    /// The members, by the last membership entry in the log.
    pub members: Members,
    /// On the leader: how far each other member's log is known to agree; 0 when nothing is known.
    pub matched: BTreeMap<NodeId, u64>,
    /// Why this replica stopped, when it did: a failed disk, a damaged record, a panic in the fold.
    pub halted: Option<String>,
}
