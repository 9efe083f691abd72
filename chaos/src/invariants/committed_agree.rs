//! Raft §5.4.3, state machine safety: what one replica committed at an index, no other replica commits otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use argosy_raft::GroupId;
use argosy_raft::evidence::stored_entry;
use argosy_workload::dice::stable_hash;

use super::Invariant;
use crate::sight::Sight;

/// A replica's life: node, number of starts, group.
type Life = (String, u32, u64);

/// Every committed entry, as the disks of replicas that know it to be committed have it.
#[derive(Debug, Default)]
pub(super) struct CommittedAgree {
    entries: BTreeMap<(u64, u64), Seen>,
    /// The next index to be read of each replica.
    next: BTreeMap<Life, u64>,
    /// Since when a disk holds an older entry than was committed.
    behind: BTreeMap<Life, Duration>,
}

#[derive(Debug)]
struct Seen {
    term: u64,
    hash: u64,
    by: BTreeSet<Life>,
}

/// A replica may know of a commit before its disk has overwritten what an older leader left there. Its group commit is done with that
/// within this time, however slow a sync is in these worlds.
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
        for (node, replica) in sight.replicas().filter(|(node, _)| node.refused.is_none() && !node.paused) {
            let life = (node.id.clone(), node.life, replica.group);
            let mut next = self.next.get(&life).copied().unwrap_or(1).max(replica.status.purged + 1);
            while next <= replica.status.committed {
                // What is committed here may not have reached this disk yet: it is looked at again.
                let Ok(Some(entry)) = stored_entry(node.durable.as_ref(), GroupId(replica.group), next) else { break };
                match self.compare(&life, next, entry.term, stable_hash(&entry.bytes)) {
                    Compared::Same => drop(self.behind.remove(&life)),
                    Compared::Older => {
                        let since = *self.behind.entry(life.clone()).or_insert(sight.at);
                        if sight.at - since < CATCHES_UP_WITHIN {
                            break;
                        }
                        found.push(format!(
                            "{}: {} kept another entry {next} than was committed",
                            replica.shard, node.id
                        ));
                    }
                    Compared::Other => {
                        found
                            .push(format!("{}: {} committed another entry {next} than others", replica.shard, node.id));
                    }
                }
                next += 1;
            }
            // Another replica of this look may have sent this one back; that stands.
            let known = self.next.entry(life).or_insert(next);
            *known = next;
        }
        found
    }
}

enum Compared {
    Same,
    /// One of an older term: a leftover, if it goes away soon.
    Older,
    /// Of the same term and not the same: nothing can excuse that.
    Other,
}

impl CommittedAgree {
    /// Holds what a disk has at an index against what others had. Where this one is of a newer term, what the others had was a
    /// leftover, and they are read again.
    fn compare(&mut self, life: &Life, index: u64, term: u64, hash: u64) -> Compared {
        let new = || Seen { term, hash, by: BTreeSet::new() };
        let seen = self.entries.entry((life.2, index)).or_insert_with(new);
        if seen.term < term {
            let leftovers = std::mem::replace(seen, new());
            for other in leftovers.by {
                self.next.entry(other).and_modify(|next| *next = index.min(*next));
            }
        }
        let seen = self.entries.entry((life.2, index)).or_insert_with(new);
        if seen.term > term {
            return Compared::Older;
        }
        if seen.hash != hash {
            return Compared::Other;
        }
        seen.by.insert(life.clone());
        Compared::Same
    }
}
