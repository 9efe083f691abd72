//! What a node says of its own health: the reasons why it is not ready, and its gauges.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use argosy_storage::Store;

use super::founding::Unfounded;
use super::shards::Shards;
use crate::metrics::names;
use crate::replica::Replica;

/// How often the gauges are set and changes of health are told.
const EVERY: Duration = Duration::from_secs(1);

/// Everything that can be wrong with a node.
#[derive(Clone)]
pub(super) struct Health {
    pub(super) shards: Shards,
    pub(super) store: Arc<Store>,
    pub(super) unfounded: Unfounded,
}

impl Health {
    /// The reasons why this node is not ready, each with its code; none if it is.
    pub(super) fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.store.failed().map(|error| error.to_string()).into_iter().collect();
        let founding = self.unfounded.reasons();
        for replica in self.shards.iter() {
            let reason = replica
                .halted()
                .or_else(|| founding.get(&replica.group().id()).cloned())
                .or_else(|| leaderless(replica));
            reasons.extend(reason.map(|reason| format!("shard {}: {reason}", replica.name())));
        }
        reasons
    }

    /// Sets gauges, and tells when the reasons change, until it is dropped.
    pub(super) async fn watch(self) {
        let mut told: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tick.tick().await;
            let failed = self.store.failed().map(|error| error.to_string());
            tell(&mut told, "store", failed);
            for replica in self.shards.iter() {
                gauge(replica);
                tell(&mut told, replica.name(), replica.halted());
            }
        }
    }
}

fn leaderless(replica: &Replica) -> Option<String> {
    replica
        .leadership()
        .leader
        .is_none()
        .then(|| "ARG-0606: no leader is known; are enough of its voters up and connected?".to_owned())
}

/// Logs a fault when it appears and when it goes, not in between.
fn tell(told: &mut BTreeMap<String, Option<String>>, what: &str, fault: Option<String>) {
    let before = told.get(what).cloned().flatten();
    match (&before, &fault) {
        (before, Some(fault)) if before.as_ref() != Some(fault) => {
            tracing::error!(code = "ARG-0611", what, fault, "this node is not ready");
        }
        (Some(_), None) => tracing::info!(what, "works again"),
        _ => {}
    }
    told.insert(what.to_owned(), fault);
}

#[allow(clippy::cast_precision_loss)]
fn gauge(replica: &Replica) {
    let shard = || replica.name().to_owned();
    let status = replica.status();
    metrics::gauge!(names::TERM, "shard" => shard()).set(status.leadership.term as f64);
    metrics::gauge!(names::COMMITTED, "shard" => shard()).set(status.committed as f64);
    metrics::gauge!(names::APPLIED, "shard" => shard()).set(status.applied as f64);
    metrics::gauge!(names::HALTED, "shard" => shard()).set(if replica.halted().is_some() { 1.0 } else { 0.0 });
    let view = replica.view();
    let paused = view.state.has_begun() && view.state.settings().policy.kill_switch;
    metrics::gauge!(names::ACTUATION_PAUSED, "shard" => shard()).set(if paused { 1.0 } else { 0.0 });
}
