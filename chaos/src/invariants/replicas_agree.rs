//! ARCHITECTURE.md §1: apply is deterministic, so all replicas hold the same state at the same index.

use std::collections::BTreeMap;

use argosy_shard::Digest;

use super::Invariant;
use crate::sight::Sight;

/// Indexes that are remembered of each group.
const KEPT: usize = 20_000;

/// The hash of the state at each index.
#[derive(Debug, Default)]
pub(super) struct ReplicasAgree(BTreeMap<(u64, u64), (String, Digest)>);

impl Invariant for ReplicasAgree {
    fn name(&self) -> &'static str {
        "replicas agree"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1, docs/adr/0047"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            for published in &replica.published {
                let view = &published.view;
                let hash = view.state.state_hash();
                let known = self.0.entry((replica.group, view.applied)).or_insert_with(|| (node.id.clone(), hash));
                if known.1 != hash {
                    let (at, other) = (view.applied, &known.0);
                    found.push(format!("{}: {other} and {} differ at index {at}", replica.shard, node.id));
                }
            }
        }
        while self.0.len() > KEPT {
            self.0.pop_first();
        }
        found
    }
}
