//! docs/adr/0034: an acknowledged roll-up is committed. A cluster that was ever acknowledged is known to every later leader.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// Acknowledged roll-ups of each cluster.
#[derive(Debug, Default)]
pub(super) struct DemandIsKnown(BTreeMap<String, u64>);

impl Invariant for DemandIsKnown {
    fn name(&self) -> &'static str {
        "acknowledged demand is known"
    }

    fn source(&self) -> &'static str {
        "docs/adr/0034, 0050"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas().filter(|(_, replica)| replica.reign.is_some()) {
            let words = &replica.view.state.fleet().words;
            let prefix = format!("{}-", replica.shard);
            let ours = self.0.iter();
            let ours = ours.filter(|(cluster, acknowledged)| **acknowledged > 0 && cluster.starts_with(&prefix));
            for (cluster, _) in ours {
                if words.find_cluster(cluster).is_none() {
                    found.push(format!("{}: {} leads and has never heard of {cluster}", replica.shard, node.id));
                }
            }
        }
        self.0 = sight.clusters.iter().map(|(cluster, seen)| (cluster.clone(), seen.acknowledged)).collect();
        found
    }
}
