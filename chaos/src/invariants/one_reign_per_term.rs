//! ARCHITECTURE.md §1: a leader's runtime exists only while its node leads, so a term has at most one, on the node that won it.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// Which node had the runtime of which term.
#[derive(Debug, Default)]
pub(super) struct OneReignPerTerm(BTreeMap<(String, u64), String>);

impl Invariant for OneReignPerTerm {
    fn name(&self) -> &'static str {
        "one reign per term"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            let Some(term) = replica.reign else { continue };
            let known = self.0.entry((replica.shard.clone(), term)).or_insert_with(|| node.id.clone());
            if *known != node.id {
                found.push(format!("{}: {known} and {} both reign in term {term}", replica.shard, node.id));
            }
        }
        found
    }
}
