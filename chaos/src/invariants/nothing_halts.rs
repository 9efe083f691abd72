//! ARCHITECTURE.md §1, poison: nothing that input can reach halts a shard, and no replica stops but for its disk.

use super::Invariant;
use crate::sight::Sight;

/// Needs no memory.
#[derive(Debug, Default)]
pub(super) struct NothingHalts;

impl Invariant for NothingHalts {
    fn name(&self) -> &'static str {
        "nothing halts"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1, docs/adr/0049"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let halted = sight.replicas().filter_map(|(node, replica)| {
            let fold = replica.view.state.halted().map(|halt| format!("{halt:?}"));
            // A replica whose disk failed stops, as it must.
            let stopped = replica.halted.clone().filter(|_| node.refused.is_none());
            fold.or(stopped).map(|reason| format!("{} on {}: {reason}", replica.shard, node.id))
        });
        let damaged = |reason: &&String| !["ARG-0202", "ARG-0207"].iter().any(|code| reason.contains(code));
        let refused = sight.nodes.iter().filter_map(|node| {
            node.refused.as_ref().filter(damaged).map(|reason| format!("{} does not run: {reason}", node.id))
        });
        halted.chain(refused).collect()
    }
}
