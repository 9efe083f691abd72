//! ARCHITECTURE.md §4: who listens to a replica hears every event once, in the order of the log.

use std::collections::BTreeMap;

use argosy_shard::Event;

use super::Invariant;
use crate::sight::{Published, Sight};

/// What was heard of each replica's life: by node, number of starts and group.
#[derive(Debug, Default)]
pub(super) struct WatchesHaveNoGaps(BTreeMap<(String, u32, u64), Heard>);

#[derive(Debug, Default)]
struct Heard {
    /// The index of the last event.
    last: u64,
    /// The operations that had been opened, and the roll-ups accepted, by then.
    counted: Option<(u64, u64)>,
}

/// Operations and roll-ups that were heard of in a batch.
fn heard_of(published: &Published) -> (u64, u64) {
    let count = |is: fn(&Event) -> bool| published.events.iter().filter(|folded| is(&folded.event)).count() as u64;
    let opened = count(|event| matches!(event, Event::OperationOpened(_)));
    (opened, count(|event| matches!(event, Event::RollUpAccepted { .. })))
}

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
            let Heard { last: heard, counted } = self.0.entry((node.id.clone(), node.life, replica.group)).or_default();
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
                let counters = published.view.state.counters();
                let now = (counters.operations, counters.rollups);
                // A snapshot that is installed tells of nothing that is in it.
                let installed = published.view.applied == published.view.restored;
                let (opened, accepted) = heard_of(published);
                let then = counted.replace(now).filter(|_| !installed);
                if let Some(then) = then.filter(|then| (then.0 + opened, then.1 + accepted) != now) {
                    let at = published.view.applied;
                    found.push(format!(
                        "{}: {} had {then:?} operations and roll-ups, told of {opened} and {accepted}, and has {now:?} at {at}",
                        replica.shard, node.id
                    ));
                }
            }
        }
        found
    }
}
