//! Raft §5.4.3, state machine safety: what one replica committed at an index, no other replica commits otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_raft::GroupId;
use argosy_raft::evidence::stored_entry;
use argosy_workload::dice::stable_hash;

use super::Invariant;
use crate::sight::Sight;

/// The hash of every committed entry.
#[derive(Debug, Default)]
pub(super) struct CommittedAgree {
    entries: BTreeMap<(u64, u64), u64>,
    /// The next index to be read of each replica, by node, life and group.
    next: BTreeMap<(String, u32, u64), u64>,
    /// Since when a disk holds another entry than was committed.
    differs: BTreeMap<(String, u32, u64), Duration>,
}

/// A disk that is behind may hold an entry that was overwritten in memory. It has so long to catch up.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(5);

impl Invariant for CommittedAgree {
    fn name(&self) -> &'static str {
        "committed entries agree"
    }

    fn source(&self) -> &'static str {
        "Raft §5.4.3"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas().filter(|(node, _)| node.refused.is_none()) {
            let key = (node.id.clone(), node.life, replica.group);
            let next = self.next.entry(key.clone()).or_insert(1);
            *next = (*next).max(replica.status.purged + 1);
            while *next <= replica.status.committed {
                // What is committed here may not have reached this disk yet: it is looked at again.
                let Ok(Some(entry)) = stored_entry(node.durable.as_ref(), GroupId(replica.group), *next) else { break };
                let seen = stable_hash(&entry.bytes);
                let known = *self.entries.entry((replica.group, *next)).or_insert(seen);
                if known != seen {
                    let since = *self.differs.entry(key.clone()).or_insert(sight.at);
                    if sight.at - since < CATCHES_UP_WITHIN {
                        break;
                    }
                    found.push(format!("{}: {} committed another entry {next} than others", replica.shard, node.id));
                }
                self.differs.remove(&key);
                *next += 1;
            }
        }
        found
    }
}
