//! ARCHITECTURE.md §1: apply refuses a plan that was proposed in another term than the one it was appended in.

use std::collections::BTreeMap;

use argosy_raft::GroupId;
use argosy_raft::evidence::stored_entry;
use argosy_shard::Envelope;

use super::Invariant;
use crate::sight::Sight;

/// The last plan of each group that was looked at.
#[derive(Debug, Default)]
pub(super) struct PlansKeepTheirTerm(BTreeMap<u64, u64>);

impl Invariant for PlansKeepTheirTerm {
    fn name(&self) -> &'static str {
        "plans keep their term"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas().filter(|(_, replica)| !replica.published.is_empty()) {
            let last = self.0.entry(replica.group).or_default();
            for (index, _) in replica.view.state.decision_marks() {
                if index <= *last {
                    continue;
                }
                // One that has not reached this disk yet, or is purged, is seen on another.
                let stored = stored_entry(node.durable.as_ref(), GroupId(replica.group), index);
                let Ok(Some(entry)) = stored else { continue };
                *last = index;
                let Some(Ok(envelope)) = entry.command.as_deref().map(Envelope::decode) else { continue };
                if envelope.proposed_in_term != entry.term {
                    let (proposed, term) = (envelope.proposed_in_term, entry.term);
                    found.push(format!(
                        "{}: the plan at {index} was proposed in term {proposed}, appended in {term} and taken",
                        replica.shard
                    ));
                }
            }
        }
        found
    }
}
