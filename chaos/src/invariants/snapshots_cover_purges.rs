//! ADR 0010 and Raft §7: what was purged from a log is in a snapshot, and a snapshot holds nothing that was not applied.

use super::Invariant;
use crate::sight::Sight;

/// Needs no memory.
#[derive(Debug, Default)]
pub(super) struct SnapshotsCoverPurges;

impl Invariant for SnapshotsCoverPurges {
    fn name(&self) -> &'static str {
        "snapshots cover purges"
    }

    fn source(&self) -> &'static str {
        "Raft §7"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let wrong = sight.replicas().filter_map(|(node, replica)| {
            let status = &replica.status;
            let sound = status.purged <= status.snapshot && status.snapshot <= status.applied;
            (!sound).then(|| {
                format!(
                    "{}: {} has purged {}, its snapshot covers {}, it has applied {}",
                    replica.shard, node.id, status.purged, status.snapshot, status.applied
                )
            })
        });
        wrong.collect()
    }
}
