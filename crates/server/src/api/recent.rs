//! The latest decisions of a shard, remembered on every replica as they are folded in, for people who look.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use argosy_proto::argosy::v1::RecentDecision;
use argosy_shard::Event;

use crate::replica::{Folded, Listener, View};

/// Decisions remembered.
const KEPT: usize = 64;

/// The latest decisions of one shard.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<RecentDecision>>);

impl Recent {
    /// Newest first.
    pub(super) fn newest(&self) -> Vec<RecentDecision> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

impl Listener for Recent {
    fn folded(&self, view: &View, events: &[Folded]) {
        let opened = events.iter().filter_map(|folded| match &folded.event {
            Event::OperationOpened(id) => view.state.ledger().get(*id),
            _ => None,
        });
        let decisions: Vec<RecentDecision> = opened
            .map(|operation| {
                let row = super::rows::operation(&view.state, operation);
                RecentDecision {
                    shard_time_ms: row.decided_at_ms,
                    action: row.kind,
                    reason: row.reason,
                    machine: row.machine,
                    cluster: row.cluster,
                }
            })
            .collect();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let surplus = (kept.len() + decisions.len()).saturating_sub(KEPT).min(kept.len());
        kept.drain(..surplus);
        kept.extend(decisions.into_iter().rev().take(KEPT).rev());
    }
}
