//! Raft §5.1: the term that a replica has stored never falls, not even over a crash.

use std::collections::BTreeMap;

use argosy_raft::GroupId;
use argosy_raft::evidence::stored_vote;

use super::Invariant;
use crate::sight::Sight;

/// The newest stored term of each replica.
#[derive(Debug, Default)]
pub(super) struct TermsNeverFall(BTreeMap<(String, u32, u32), u64>);

impl Invariant for TermsNeverFall {
    fn name(&self) -> &'static str {
        "terms never fall"
    }

    fn source(&self) -> &'static str {
        "Raft §5.1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, shard) in sight.places() {
            let Ok(vote) = stored_vote(node.durable.as_ref(), GroupId(u64::from(shard.number))) else { continue };
            let term = vote.map_or(0, |vote| vote.term);
            let known = self.0.entry((node.id.clone(), node.disk, shard.number)).or_insert(term);
            if term < *known {
                found.push(format!("{}: the stored term of {} fell from {known} to {term}", shard.id, node.id));
            }
            *known = term.max(*known);
        }
        found
    }
}
