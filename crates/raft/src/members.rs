//! Changes of members: bootstrap, learner, voter, removal, transfer of leadership.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use argosy_failpoint::{Planted, planted};
use argosy_proto::argosy::v1::RaftCall;
use argosy_storage::{InstanceId, NodeId};
use bytes::Bytes;
use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, InitializeError, RaftError};
use openraft::impls::EmptyNode;
use openraft::raft::Precondition;
use openraft::type_config::TypeConfigExt;

use crate::codec;
use crate::errors::{MembershipError, stopped};
use crate::group::{Group, leader_of};
use crate::net::wire::ReplicaState;
use crate::observe;
use crate::types::{ReplicaId, StoredMembership, TypeConfig};

/// How long a node may take to say who it is.
const INQUIRY_DEADLINE: Duration = Duration::from_secs(3);

type Change = ChangeMembers<ReplicaId, EmptyNode>;

impl Group {
    /// Founds the group with its first voters, all of which must be up and have it open.
    ///
    /// Every member may call this, in any order; the one with the smallest id does it, the others find it done. Once the group has
    /// members it does nothing.
    ///
    /// # Errors
    /// When a member does not answer, or has the group with other members.
    pub async fn bootstrap(&self, members: &[NodeId]) -> Result<(), MembershipError> {
        let me = self.inner.me.node();
        if !members.contains(&me) {
            return Err(MembershipError::Invalid(format!(
                "node {me} cannot found a group that it is no member of; name it, or ask a member"
            )));
        }
        if self.has_members() || members.iter().min() != Some(&me) {
            return Ok(());
        }
        let mut replicas = BTreeMap::from([(self.inner.me, EmptyNode::default())]);
        for node in members.iter().filter(|node| **node != me) {
            let (instance, state) = self.inquire(*node).await?;
            if state.has_members {
                return Err(MembershipError::AlreadyBootstrapped);
            }
            replicas.insert(ReplicaId::new(*node, instance), EmptyNode::default());
        }
        match self.inner.raft.initialize(replicas).await {
            // Somebody else was faster; then it has members, which is what was wanted.
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(RaftError::APIError(InitializeError::NotInMembers(error))) => {
                Err(MembershipError::Invalid(error.to_string()))
            }
            Err(RaftError::Fatal(fatal)) => Err(stopped(self.inner.id, &fatal).into()),
        }
    }

    /// Lets a node follow the log without a vote. It must be up and have the group open. Its progress is in the leader's
    /// [`status`](Self::status). Who is a member stays what it is.
    ///
    /// # Errors
    /// When the node does not answer, or is a member under another instance; and those of any change.
    pub async fn add_learner(&self, node: NodeId) -> Result<(), MembershipError> {
        // Nobody has an address of itself.
        let replica = if node == self.inner.me.node() {
            self.inner.me
        } else {
            ReplicaId::new(node, self.inquire(node).await?.0)
        };
        match self.member(node) {
            Some(known) if known == replica => return Ok(()),
            Some(_) => return Err(MembershipError::OtherInstance { node }),
            None => {}
        }
        self.change(ChangeMembers::AddNodes(BTreeMap::from([(replica, EmptyNode::default())])), true).await
    }

    /// Makes a learner a voter.
    ///
    /// # Errors
    /// When it is no member; and those of any change.
    pub async fn promote(&self, node: NodeId) -> Result<(), MembershipError> {
        let replica = self.require(node)?;
        self.change(ChangeMembers::AddVoterIds(BTreeSet::from([replica])), true).await
    }

    /// Replaces the voters, all of which must be members by now. Voters that are not named leave the group.
    ///
    /// # Errors
    /// When one is no member; and those of any change.
    pub async fn change_voters(&self, voters: &[NodeId]) -> Result<(), MembershipError> {
        let voters = voters.iter().map(|node| self.require(*node)).collect::<Result<BTreeSet<_>, _>>()?;
        self.change(ChangeMembers::ReplaceAllVoters(voters), false).await
    }

    /// Takes a voter or learner out of the group. A leader that removes itself steps down when that is committed.
    ///
    /// # Errors
    /// When it is no member, or a majority of the voters that stay was not heard of lately; and those of any change.
    pub async fn remove(&self, node: NodeId) -> Result<(), MembershipError> {
        if !planted(Planted::RemovalUnguarded) {
            self.heard_without(node)?;
        }
        self.remove_by_force(node).await
    }

    /// The same, whoever was heard of. If a majority of the voters that stay is lost for good, so is the group.
    ///
    /// # Errors
    /// When it is no member; and those of any change.
    pub async fn remove_by_force(&self, node: NodeId) -> Result<(), MembershipError> {
        let replica = self.require(node)?;
        let votes = self.membership().membership().voter_ids().any(|voter| voter == replica);
        let gone = BTreeSet::from([replica]);
        let change = if votes { ChangeMembers::RemoveVoters(gone) } else { ChangeMembers::RemoveNodes(gone) };
        self.change(change, false).await
    }

    /// Whether the voters could go on without one of them: a majority of the rest has answered this leader lately. One that does not
    /// lead knows nothing, and lets Raft say so.
    fn heard_without(&self, gone: NodeId) -> Result<(), MembershipError> {
        let account = observe::metrics(&self.inner.raft);
        let Some(answered) = account.heartbeat else { return Ok(()) };
        let (now, patience) = (TypeConfig::now(), self.election());
        let lately = |replica: &ReplicaId| {
            let at = answered.get(replica).copied().flatten();
            *replica == self.inner.me || at.is_some_and(|at| now - at.into_inner() < patience)
        };
        let stay: Vec<ReplicaId> =
            self.membership().membership().voter_ids().filter(|voter| voter.node() != gone).collect();
        let heard = stay.iter().filter(|voter| lately(voter)).count();
        if stay.is_empty() || heard * 2 > stay.len() {
            return Ok(());
        }
        Err(MembershipError::TooFewHeard { voters: stay.len(), heard })
    }

    /// Hands leadership to a voter, and returns when it leads.
    ///
    /// # Errors
    /// When this replica does not lead, the node is no voter, or it did not take over in time.
    pub async fn transfer_leader(&self, to: NodeId) -> Result<(), MembershipError> {
        let mut leadership = self.leadership();
        let leader = leadership.borrow_and_update().leader;
        if leader == Some(to) {
            return Ok(());
        }
        if leader != Some(self.inner.me.node()) {
            return Err(MembershipError::NotLeader { leader });
        }
        let heir = self.require(to)?;
        self.inner.raft.trigger().transfer_leader(heir).await.map_err(|fatal| stopped(self.inner.id, &fatal))?;
        let took_over = leadership.wait_for(|now| now.leader == Some(to));
        match tokio::time::timeout(self.election(), took_over).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(self.why_stopped().into()),
            Err(_) => Err(MembershipError::TransferTimedOut { to }),
        }
    }

    /// Changes the members that this replica knows of now, and no others. A leader that the group has let go of still has the reins for a
    /// moment: it changes nothing any more.
    async fn change(&self, change: Change, retain: bool) -> Result<(), MembershipError> {
        let known = self.membership();
        if known.nodes().all(|(replica, _)| *replica != self.inner.me) {
            return Err(MembershipError::NotLeader { leader: None });
        }
        let unchanged = Precondition::LastMembershipLogId { last_membership_log_id: *known.log_id() };
        match self.inner.raft.change_membership_if(change, retain, [unchanged]).await {
            Ok(_) => Ok(()),
            Err(RaftError::Fatal(fatal)) => Err(stopped(self.inner.id, &fatal).into()),
            Err(RaftError::APIError(error)) => Err(match error {
                ClientWriteError::ForwardToLeader(forward) => {
                    MembershipError::NotLeader { leader: leader_of(&forward) }
                }
                ClientWriteError::LogEntryDiscarded(forward) => {
                    MembershipError::OutcomeUnknown { leader: leader_of(&forward) }
                }
                ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_))
                | ClientWriteError::PreconditionFailed(_) => MembershipError::InProgress,
                other => MembershipError::Invalid(other.to_string()),
            }),
        }
    }

    /// Asks a node who it is and what it knows of this group.
    async fn inquire(&self, node: NodeId) -> Result<(InstanceId, ReplicaState), MembershipError> {
        let unreachable = |reason: String| MembershipError::Unreachable { node, reason };
        let link = self.inner.reach.links.to(node);
        let answer = link.call(self.inner.id, RaftCall::Inquire, Bytes::new(), None, INQUIRY_DEADLINE).await;
        let (instance, payload) = answer.map_err(|error| unreachable(error.to_string()))?;
        let state = codec::decode(&payload).map_err(|error| unreachable(error.to_string()))?;
        Ok((instance, state))
    }

    /// Whether the group has been given members, as far as this replica knows.
    pub(crate) fn has_members(&self) -> bool {
        self.membership().nodes().next().is_some()
    }

    /// The other nodes that are members, as far as this replica knows.
    pub(crate) fn others(&self) -> Vec<NodeId> {
        let me = self.inner.me.node();
        self.membership().nodes().map(|(replica, _)| replica.node()).filter(|node| *node != me).collect()
    }

    /// Whether the node is a member under another instance only.
    pub(crate) fn knows_other_instance(&self, peer: ReplicaId) -> bool {
        self.member(peer.node()).is_some_and(|known| known != peer)
    }

    fn member(&self, node: NodeId) -> Option<ReplicaId> {
        self.membership().nodes().map(|(replica, _)| *replica).find(|replica| replica.node() == node)
    }

    fn require(&self, node: NodeId) -> Result<ReplicaId, MembershipError> {
        self.member(node).ok_or_else(|| {
            MembershipError::Invalid(format!(
                "node {node} is no member of group {}; add it as a learner first",
                self.inner.id
            ))
        })
    }

    fn membership(&self) -> std::sync::Arc<StoredMembership> {
        self.inner.raft.server_metrics().borrow_watched().membership_config.clone()
    }
}
