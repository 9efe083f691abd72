//! What a replica says about itself, from openraft's own account.

use openraft::async_runtime::WatchReceiver;
use openraft::{RaftMetrics, ServerState};
use tokio::sync::watch;

use crate::fold::Signals;
use crate::group::Raft;
use crate::status::{GroupStatus, Leadership, Members};
use crate::types::{LogId, ReplicaId, StoredMembership, TypeConfig};

/// Follows openraft's account, and publishes leadership. Also takes the snapshots that the fold asks for. Ends with the replica.
pub(crate) fn start(raft: &Raft, me: ReplicaId, signals: Signals) -> watch::Receiver<Leadership> {
    let (publish, published) = watch::channel(Leadership::default());
    let raft = raft.clone();
    tokio::spawn(async move {
        let mut server = raft.server_metrics();
        let mut applied_term = signals.applied_term.subscribe();
        loop {
            let seen = leadership(&server, me, *applied_term.borrow_and_update());
            publish.send_if_modified(|current| std::mem::replace(current, seen) != seen);
            tokio::select! {
                changed = server.changed() => if changed.is_err() { break },
                changed = applied_term.changed() => if changed.is_err() { break },
                () = signals.want_snapshot.notified() => if raft.trigger().snapshot().await.is_err() { break },
            }
        }
        // A replica that stopped leads nothing.
        publish.send_modify(|current| *current = Leadership { term: current.term, leader: None, ready: false });
    });
    published
}

fn leadership(
    server: &openraft::alias::WatchReceiverOf<TypeConfig, openraft::metrics::RaftServerMetrics<TypeConfig>>,
    me: ReplicaId,
    applied_term: u64,
) -> Leadership {
    let server = server.borrow_watched();
    let term = server.vote.leader_id.term;
    let leads = server.state == ServerState::Leader && server.current_leader == Some(me);
    Leadership { term, leader: server.current_leader.map(ReplicaId::node), ready: leads && applied_term == term }
}

/// A copy of openraft's account. The original must never be held: its writer waits for readers.
pub(crate) fn metrics(raft: &Raft) -> RaftMetrics<TypeConfig> {
    raft.metrics().borrow_watched().clone()
}

pub(crate) fn status(raft: &Raft, leadership: Leadership) -> GroupStatus {
    let metrics = metrics(raft);
    let index = |id: Option<LogId>| id.map_or(0, |id| id.index());
    let matched = metrics.replication.iter().flatten();
    GroupStatus {
        leadership,
        last_log: metrics.last_log_index.unwrap_or(0),
        committed: index(metrics.local_committed),
        applied: index(metrics.last_applied),
        snapshot: index(metrics.snapshot),
        purged: index(metrics.purged),
        members: members(&metrics.membership_config),
        matched: matched.map(|(replica, last)| (replica.node(), index(*last))).collect(),
        halted: metrics.running_state.err().map(|fatal| fatal.to_string()),
    }
}

pub(crate) fn members(membership: &StoredMembership) -> Members {
    let membership = membership.membership();
    Members {
        voters: membership.voter_ids().map(ReplicaId::node).collect(),
        learners: membership.learner_ids().map(ReplicaId::node).collect(),
        instances: membership.nodes().map(|(replica, _)| (replica.node(), replica.instance())).collect(),
        changing: membership.get_joint_config().len() > 1,
    }
}
