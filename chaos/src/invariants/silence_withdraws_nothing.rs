//! ARCHITECTURE.md §4, static stability: silence is never read as "no demand". A cluster that has reported demand, and never
//! reported that it has none, has demand.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// Clusters whose demand was ever committed, by shard.
#[derive(Debug, Default)]
pub(super) struct SilenceWithdrawsNothing(BTreeMap<String, bool>);

impl Invariant for SilenceWithdrawsNothing {
    fn name(&self) -> &'static str {
        "silence withdraws nothing"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §4"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas().filter(|(_, replica)| replica.reign.is_some()) {
            let state = &replica.view.state;
            for (cluster, seen) in &sight.clusters {
                let Some(known) = state.fleet().words.find_cluster(cluster) else { continue };
                let rows = state.demand().reporting(known).rows;
                let had = self.0.entry(cluster.clone()).or_default();
                if rows == 0 && *had && !seen.said_nothing {
                    found.push(format!(
                        "{}: {} has no demand of {cluster}, which never said that it has none",
                        replica.shard, node.id
                    ));
                }
                *had |= rows > 0;
            }
        }
        found
    }
}
