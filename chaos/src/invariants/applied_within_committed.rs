//! ARCHITECTURE.md §1: nothing is decided from state that was not committed, so nothing is applied before it is.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// The highest commit of each group that any replica knew of, and what each replica had applied at the last look.
#[derive(Debug, Default)]
pub(super) struct AppliedWithinCommitted {
    committed: BTreeMap<u64, u64>,
    applied: BTreeMap<(String, u32, u64), u64>,
}

impl Invariant for AppliedWithinCommitted {
    fn name(&self) -> &'static str {
        "applied within committed"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        for (_, replica) in sight.replicas() {
            let known = self.committed.entry(replica.group).or_default();
            *known = replica.status.committed.max(*known);
        }
        let (mut found, mut applied) = (Vec::new(), BTreeMap::new());
        for (node, replica) in sight.replicas() {
            let life = (node.id.clone(), node.life, replica.group);
            // A state is shown a moment before the account says that it is committed, and who stands still says nothing more.
            let before = self.applied.get(&life).copied().filter(|_| !node.paused).unwrap_or(0);
            let committed = self.committed.get(&replica.group).copied().unwrap_or(0);
            if before > committed {
                found.push(format!("{}: {} applied {before}, and {committed} is committed", replica.shard, node.id));
            }
            applied.insert(life, replica.status.applied.max(replica.view.applied));
        }
        self.applied = applied;
        found
    }
}
