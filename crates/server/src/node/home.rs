//! Leadership prefers a shard's home region, and moves back there after the region has healed.

use std::collections::BTreeSet;
use std::time::Duration;

use argosy_raft::{GroupStatus, NodeId};
use tokio_util::sync::CancellationToken;

use crate::replica::Replica;

/// How often a leader away from home looks homewards.
const EVERY: Duration = Duration::from_secs(5);
/// How many looks in a row a node at home must be caught up before it is trusted.
const STEADY: u32 = 3;

/// Moves the leadership to a voter at home whenever this node leads from elsewhere and one there keeps up.
pub(super) async fn prefer(replica: Replica, home: BTreeSet<NodeId>, me: NodeId, closing: CancellationToken) {
    if home.is_empty() || home.contains(&me) {
        return;
    }
    let (mut steady, mut last) = (0, None);
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = closing.cancelled() => return,
        }
        let candidate = candidate(&replica.status(), &home);
        steady = if candidate.is_some() && candidate == last { steady + 1 } else { 0 };
        last = candidate;
        let Some(to) = candidate.filter(|_| steady >= STEADY) else { continue };
        steady = 0;
        match replica.group().transfer_leader(to).await {
            Ok(()) => tracing::info!(shard = replica.name(), %to, "leadership went home"),
            Err(error) => tracing::info!(shard = replica.name(), %to, %error, "leadership could not go home yet"),
        }
    }
}

/// A voter at home whose log is as long as this leader's.
fn candidate(status: &GroupStatus, home: &BTreeSet<NodeId>) -> Option<NodeId> {
    let leads = status.leadership.ready && !status.members.changing;
    let caught_up = |node: &&NodeId| status.matched.get(*node).is_some_and(|matched| *matched >= status.committed);
    home.iter().filter(|_| leads).filter(|node| status.members.voters.contains(node)).find(caught_up).copied()
}

#[cfg(test)]
mod tests {
    use argosy_raft::{Leadership, Members};

    use super::*;

    #[test]
    fn only_a_voter_at_home_that_keeps_up_is_a_candidate() {
        let home = BTreeSet::from([NodeId(2), NodeId(3), NodeId(4)]);
        let mut status = GroupStatus {
            leadership: Leadership { term: 1, leader: Some(NodeId(1)), ready: true },
            committed: 10,
            members: Members { voters: [1, 2, 3].map(NodeId).into(), ..Members::default() },
            matched: [(NodeId(2), 9), (NodeId(3), 10), (NodeId(4), 10)].into(),
            ..GroupStatus::default()
        };
        assert_eq!(candidate(&status, &home), Some(NodeId(3)));
        status.leadership.ready = false;
        assert_eq!(candidate(&status, &home), None);
    }
}
