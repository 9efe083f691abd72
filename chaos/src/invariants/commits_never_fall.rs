//! Raft §5.3: in one life, what a replica knows to be committed and what it has applied only grow.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// Committed and applied, by node, life and group.
#[derive(Debug, Default)]
pub(super) struct CommitsNeverFall(BTreeMap<(String, u32, u64), (u64, u64)>);

impl Invariant for CommitsNeverFall {
    fn name(&self) -> &'static str {
        "commits never fall"
    }

    fn source(&self) -> &'static str {
        "Raft §5.3"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            let now = (replica.status.committed, replica.status.applied);
            let known = self.0.entry((node.id.clone(), node.life, replica.group)).or_insert(now);
            if now.0 < known.0 || now.1 < known.1 {
                found.push(format!("{}: {} went from {known:?} back to {now:?}", replica.shard, node.id));
            }
            *known = (now.0.max(known.0), now.1.max(known.1));
        }
        found
    }
}
