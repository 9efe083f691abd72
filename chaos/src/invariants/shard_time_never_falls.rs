//! ARCHITECTURE.md §1, time: shard time rises with the index, whoever leads and whatever the calendar says.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// Shard time at each index.
#[derive(Debug, Default)]
pub(super) struct ShardTimeNeverFalls(BTreeMap<(u64, u64), u64>);

/// Shard time may run ahead of the world by no more than this: a leader counts its own monotonic clock and nothing else.
const SLACK_MS: u64 = 1_000;

impl Invariant for ShardTimeNeverFalls {
    fn name(&self) -> &'static str {
        "shard time never falls"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        let world_ms = u64::try_from(sight.at.as_millis()).unwrap_or(u64::MAX);
        for (node, replica) in sight.replicas() {
            for published in &replica.published {
                let (index, now) = (published.view.applied, published.view.state.now().0);
                self.0.insert((replica.group, index), now);
                let before = self.0.range((replica.group, 0)..(replica.group, index)).next_back();
                let after = self.0.range((replica.group, index + 1)..(replica.group + 1, 0)).next();
                if before.is_some_and(|(_, then)| *then > now) || after.is_some_and(|(_, then)| *then < now) {
                    found.push(format!("{}: on {} time goes back around index {index}", replica.shard, node.id));
                }
                if now > world_ms + SLACK_MS {
                    found.push(format!("{}: shard time is {now} when the world is {world_ms} old", replica.shard));
                }
            }
        }
        while self.0.len() > 20_000 {
            self.0.pop_first();
        }
        found
    }
}
