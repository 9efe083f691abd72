//! What a replica says about itself, from openraft's own account.

use std::time::Duration;

use argosy_failpoint::{Failpoint, fires};
use openraft::async_runtime::WatchReceiver;
use openraft::type_config::TypeConfigExt;
use openraft::{RaftMetrics, ServerState};
use tokio::sync::watch;

use crate::config::Timing;
use crate::fold::Signals;
use crate::group::Raft;
use crate::status::{GroupStatus, Leadership, Members};
use crate::types::{LogId, Moment, ReplicaId, StoredMembership, TypeConfig, Vote};

/// Follows openraft's account, and publishes leadership. Also takes the snapshots that the fold asks for. Ends with the replica.
pub(crate) fn start(raft: &Raft, me: ReplicaId, timing: Timing, signals: Signals) -> watch::Receiver<Leadership> {
    let (publish, published) = watch::channel(Leadership::default());
    let raft = raft.clone();
    tokio::spawn(async move {
        let mut server = raft.server_metrics();
        let mut applied_term = signals.applied_term.subscribe();
        let mut look = tokio::time::interval(timing.heartbeat);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut hearing = Hearing { patience: timing.election_max * 2, led_since: None };
        loop {
            let mut seen = leadership(&server, me, *applied_term.borrow_and_update());
            seen.ready &= hearing.is_heard(seen, &raft) && !fires(Failpoint::ReadinessLost);
            publish.send_if_modified(|current| std::mem::replace(current, seen) != seen);
            tokio::select! {
                changed = server.changed() => if changed.is_err() { break },
                changed = applied_term.changed() => if changed.is_err() { break },
                _ = look.tick() => {}
                () = signals.want_snapshot.notified() => if raft.trigger().snapshot().await.is_err() { break },
            }
        }
        // A replica that stopped leads nothing.
        publish.send_modify(|current| *current = Leadership { term: current.term, leader: None, ready: false });
    });
    published
}

/// Whether a majority answers this replica while it leads.
///
/// A leader that is cut off goes on leading in its own eyes, for nobody tells it of the next one. It can commit nothing, but as long as it
/// counts as the leader its sessions and readers wait for it. By the end of its patience the others have had time to elect.
struct Hearing {
    patience: Duration,
    /// The term it leads, and since when.
    led_since: Option<(u64, Moment)>,
}

impl Hearing {
    fn is_heard(&mut self, seen: Leadership, raft: &Raft) -> bool {
        if !seen.ready {
            self.led_since = None;
            return true;
        }
        let now = TypeConfig::now();
        let since = match self.led_since {
            Some((term, since)) if term == seen.term => since,
            _ => now,
        };
        self.led_since = Some((seen.term, since));
        let account = raft.metrics();
        let account = account.borrow_watched();
        let is_alone = account.membership_config.membership().voter_ids().count() < 2;
        let answered = account.last_quorum_acked.map_or(since, |at| at.into_inner().max(since));
        is_alone || now - answered < self.patience
    }
}

fn leadership(
    server: &openraft::alias::WatchReceiverOf<TypeConfig, openraft::metrics::RaftServerMetrics<TypeConfig>>,
    me: ReplicaId,
    applied_term: u64,
) -> Leadership {
    let server = server.borrow_watched();
    let term = server.vote.leader_id.term;
    let leader = leader(&server.vote, server.current_leader);
    let leads = server.state == ServerState::Leader && leader == Some(me);
    Leadership { term, leader: leader.map(ReplicaId::node), ready: leads && applied_term == term }
}

/// The leader of the term that the vote is of. The account has the vote that the disk has, and the leader of the newest one: while a vote is
/// on its way to the disk, these are of two terms, and nobody is known to lead either.
fn leader(on_disk: &Vote, newest: Option<ReplicaId>) -> Option<ReplicaId> {
    newest.filter(|newest| on_disk.committed && on_disk.leader_id.voted_for == *newest)
}

/// A copy of openraft's account. The original must never be held for long: its writer waits for readers.
pub(crate) fn metrics(raft: &Raft) -> RaftMetrics<TypeConfig> {
    raft.metrics().borrow_watched().clone()
}

/// When that was asked which a majority has answered last, while this replica leads.
pub(crate) fn answered(raft: &Raft) -> Option<Moment> {
    let account = raft.metrics();
    account.borrow_watched().last_quorum_acked.map(openraft::metrics::SerdeInstant::into_inner)
}

/// Why openraft stopped, if it did.
pub(crate) fn stopped(raft: &Raft) -> Option<String> {
    let account = raft.metrics();
    account.borrow_watched().running_state.as_ref().err().map(ToString::to_string)
}

pub(crate) fn status(raft: &Raft, leadership: Leadership) -> GroupStatus {
    let account = raft.metrics();
    let metrics = account.borrow_watched();
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
        halted: metrics.running_state.as_ref().err().map(ToString::to_string),
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

#[cfg(test)]
mod tests {
    use openraft::impls::leader_id_std::LeaderId;

    use super::*;

    fn replica(node: u64) -> ReplicaId {
        ReplicaId { node, instance: 7 }
    }

    fn vote(node: u64, committed: bool) -> Vote {
        Vote { leader_id: LeaderId { term: 64, voted_for: replica(node) }, committed }
    }

    #[test]
    fn nobody_leads_a_term_while_the_vote_for_another_leader_is_on_its_way_to_the_disk() {
        assert_eq!(leader(&vote(1, true), Some(replica(1))), Some(replica(1)));
        assert_eq!(leader(&vote(1, true), Some(replica(2))), None, "node 2 leads a later term than 64");
        assert_eq!(leader(&vote(2, false), Some(replica(2))), None, "that it was elected is not on disk yet");
        assert_eq!(leader(&vote(1, true), None), None);
    }
}
