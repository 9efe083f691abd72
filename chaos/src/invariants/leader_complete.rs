//! Raft §5.4, leader completeness: whoever leads has in its log everything that was ever committed.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// The highest commit of each group, as it was before this look.
#[derive(Debug, Default)]
pub(super) struct LeaderComplete {
    committed: BTreeMap<u64, u64>,
    reigns: BTreeMap<(u64, u64), ()>,
}

impl Invariant for LeaderComplete {
    fn name(&self) -> &'static str {
        "leaders are complete"
    }

    fn source(&self) -> &'static str {
        "Raft §5.4"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            let (status, led) = (&replica.status, replica.status.leadership);
            let leads = led.leader.is_some_and(|leader| leader.0 == node.number);
            let committed = self.committed.get(&replica.group).copied().unwrap_or(0);
            if leads && self.reigns.insert((replica.group, led.term), ()).is_none() && status.last_log < committed {
                found.push(format!(
                    "{}: {} leads term {} with a log up to {}, but {committed} was committed before",
                    replica.shard, node.id, led.term, status.last_log
                ));
            }
        }
        for (_, replica) in sight.replicas() {
            let known = self.committed.entry(replica.group).or_default();
            *known = replica.status.committed.max(*known);
        }
        found
    }
}
