//! Raft §5.3 and our store's promise: what is committed lies on the disks of a majority of the voters, where no crash can take it.

use std::collections::BTreeMap;

use argosy_raft::GroupId;
use argosy_raft::evidence::{stored_entry, stored_start};

use super::Invariant;
use crate::sight::{NodeSight, Sight};

/// The highest commit of each group that was found to be durable, and how many disks each node had lost at the last look.
#[derive(Debug, Default)]
pub(super) struct CommittedOnQuorum {
    committed: BTreeMap<u64, u64>,
    disks: BTreeMap<u64, u32>,
}

impl Invariant for CommittedOnQuorum {
    fn name(&self) -> &'static str {
        "committed on a quorum"
    }

    fn source(&self) -> &'static str {
        "Raft §5.3"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        let disks = sight.nodes.iter().map(|node| (node.number, node.disk)).collect();
        let before = std::mem::replace(&mut self.disks, disks);
        let has_lost = |node: &NodeSight| before.get(&node.number).is_some_and(|disk| *disk != node.disk);
        for (node, replica) in sight.replicas() {
            let (committed, members) = (replica.status.committed, &replica.status.members);
            let known = self.committed.entry(replica.group).or_default();
            // While members change, two majorities count; that of one set alone is not the question.
            if committed <= *known || members.changing || members.voters.is_empty() {
                continue;
            }
            *known = committed;
            let group = GroupId(replica.group);
            let voters = sight.nodes.iter().filter(|other| members.voters.iter().any(|voter| voter.0 == other.number));
            // Those whose log has moved on behind a snapshot have it there, and who lost its disk within this look may have had it. The
            // others must have one and the same entry.
            let (mut excused, mut entries) = (0, BTreeMap::<_, usize>::new());
            for voter in voters {
                let disk = voter.durable.as_ref();
                if has_lost(voter) || stored_start(disk, group).is_ok_and(|start| start > committed) {
                    excused += 1;
                } else if let Ok(Some(entry)) = stored_entry(disk, group, committed) {
                    *entries.entry(entry.bytes).or_default() += 1;
                }
            }
            let holders = excused + entries.values().max().copied().unwrap_or(0);
            if holders * 2 <= members.voters.len() {
                found.push(format!(
                    "{}: {} says that {committed} is committed, but only {holders} of the voters {:?} have it on disk",
                    replica.shard, node.id, members.voters
                ));
            }
        }
        found
    }
}
