//! ARCHITECTURE.md, head: the loss of a node loses no decision. A plan that was committed is in the history of every later leader.

use std::collections::BTreeMap;

use argosy_shard::Digest;

use super::Invariant;
use crate::sight::Sight;

/// The chain of decisions after each plan, by group and index.
#[derive(Debug, Default)]
pub(super) struct DecisionsSurvive(BTreeMap<(u64, u64), Digest>);

impl Invariant for DecisionsSurvive {
    fn name(&self) -> &'static str {
        "decisions survive"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas().filter(|(_, replica)| !replica.published.is_empty()) {
            let state = &replica.view.state;
            let marks: BTreeMap<u64, Digest> = state.decision_marks().collect();
            let Some((&first, _)) = marks.first_key_value() else { continue };
            for (index, digest) in &marks {
                let known = self.0.entry((replica.group, *index)).or_insert(*digest);
                if known != digest {
                    found.push(format!("{}: {} has another plan at {index} than others", replica.shard, node.id));
                }
            }
            let lost = self.0.range((replica.group, first)..=(replica.group, state.revision()));
            let lost: Vec<u64> =
                lost.map(|((_, index), _)| *index).filter(|index| !marks.contains_key(index)).collect();
            if !lost.is_empty() {
                found.push(format!("{}: {} has lost the plans at {lost:?}", replica.shard, node.id));
            }
        }
        found
    }
}
