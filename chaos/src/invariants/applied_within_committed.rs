//! ARCHITECTURE.md §1: nothing is decided from state that was not committed, so nothing is applied before it is.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// The highest commit of each group that any replica knew of.
#[derive(Debug, Default)]
pub(super) struct AppliedWithinCommitted(BTreeMap<u64, u64>);

impl Invariant for AppliedWithinCommitted {
    fn name(&self) -> &'static str {
        "applied within committed"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        for (_, replica) in sight.replicas() {
            let known = self.0.entry(replica.group).or_default();
            *known = replica.status.committed.max(*known);
        }
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            let committed = self.0.get(&replica.group).copied().unwrap_or(0);
            let applied = replica.status.applied.max(replica.view.applied);
            if applied > committed {
                found.push(format!("{}: {} applied {applied}, and {committed} is committed", replica.shard, node.id));
            }
        }
        found
    }
}
