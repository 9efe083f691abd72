//! ARCHITECTURE.md §4: who listens to a replica hears every event once, in the order of the log.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// The index of the last event that was heard, by node, life and group.
#[derive(Debug, Default)]
pub(super) struct WatchesHaveNoGaps(BTreeMap<(String, u32, u64), u64>);

impl Invariant for WatchesHaveNoGaps {
    fn name(&self) -> &'static str {
        "watches have no gaps"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §4"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            let heard = self.0.entry((node.id.clone(), node.life, replica.group)).or_default();
            for published in &replica.published {
                // Events of one batch may share an entry; those of the next batch lie behind all of them.
                let floor = *heard;
                for event in &published.events {
                    let in_order =
                        event.index >= *heard && event.index > floor && event.index <= published.view.applied;
                    if !in_order {
                        let (index, applied) = (event.index, published.view.applied);
                        found.push(format!(
                            "{}: {} told of {index} after {heard}, at {applied}",
                            replica.shard, node.id
                        ));
                    }
                    *heard = event.index.max(*heard);
                }
                *heard = published.view.applied.max(*heard);
            }
        }
        found
    }
}
