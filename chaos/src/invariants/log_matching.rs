//! Raft §5.3, log matching: two logs that hold an entry of one index and term hold the same entry, and the same one before it.

use std::collections::BTreeMap;

use argosy_raft::GroupId;
use argosy_raft::evidence::stored_entry;
use argosy_workload::dice::stable_hash;

use super::Invariant;
use crate::sight::Sight;

/// Entries that are looked at from the end of each log.
const DEPTH: u64 = 4;

/// The hash of each entry that was ever seen, and of the term before it, by shard, index and term.
#[derive(Debug, Default)]
pub(super) struct LogMatching {
    entries: BTreeMap<(u32, u64, u64), (u64, Option<u64>)>,
    ends: BTreeMap<(String, u32), (u64, u64)>,
}

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log matching"
    }

    fn source(&self) -> &'static str {
        "Raft §5.3"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            let group = u32::try_from(replica.group).unwrap_or(u32::MAX);
            let end = (replica.status.last_log, replica.status.leadership.term);
            if self.ends.insert((node.id.clone(), group), end) == Some(end) {
                continue;
            }
            for index in end.0.saturating_sub(DEPTH).max(1)..=end.0 {
                let entry = |index| stored_entry(node.durable.as_ref(), GroupId(replica.group), index);
                let Ok(Some(this)) = entry(index) else { continue };
                let before = entry(index - 1).ok().flatten().map(|entry| entry.term);
                let seen = (stable_hash(&this.bytes), before);
                let known = self.entries.entry((group, index, this.term)).or_insert(seen);
                if known.0 != seen.0 || (known.1.is_some() && seen.1.is_some() && known.1 != seen.1) {
                    found
                        .push(format!("{}: entry {index} of term {} differs on {}", replica.shard, this.term, node.id));
                }
            }
        }
        found
    }
}
