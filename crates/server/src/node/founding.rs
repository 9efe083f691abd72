//! Founding groups: on a first start every voter offers to found its groups, until they have members.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argosy_failpoint::{Failpoint, pause};
use argosy_raft::{Group, GroupId, MembershipError, NodeId};
use tokio_util::sync::CancellationToken;

/// Between two offers, while other voters are not up yet.
const PAUSE: Duration = Duration::from_millis(200);

/// Groups of this node that cannot be founded, with the reason, for the readiness probe.
#[derive(Clone, Default)]
pub(super) struct Unfounded(Arc<Mutex<BTreeMap<GroupId, String>>>);

impl Unfounded {
    /// The reasons, by group.
    pub(super) fn reasons(&self) -> BTreeMap<GroupId, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, group: GroupId, reason: Option<String>) {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match reason {
            Some(reason) => drop(reasons.insert(group, reason)),
            None => drop(reasons.remove(&group)),
        }
    }
}

/// Offers to found a group until it has members.
pub(super) async fn found(group: Group, voters: Vec<NodeId>, unfounded: Unfounded, closing: CancellationToken) {
    if let Some(pause) = pause(Failpoint::FoundingLate, Duration::from_secs(1)) {
        tokio::time::sleep(pause).await;
    }
    let mut told = String::new();
    loop {
        let offered = tokio::select! {
            offered = group.bootstrap(&voters) => offered,
            () = closing.cancelled() => return,
        };
        let reason = match offered {
            Ok(()) => return unfounded.note(group.id(), None),
            Err(error @ MembershipError::Unreachable { .. }) => {
                tracing::debug!(group = %group.id(), %error, "waiting for the other voters");
                None
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = reason.clone().filter(|reason| *reason != told) {
            tracing::error!(group = %group.id(), reason, "the group cannot be founded; trying again");
            told = reason;
        }
        unfounded.note(group.id(), reason);
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = closing.cancelled() => return,
        }
    }
}
