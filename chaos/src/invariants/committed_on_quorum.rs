//! Raft §5.3 and our store's promise: what is committed lies on the disks of a majority of the voters, where no crash can take it.

use std::collections::BTreeMap;

use argosy_raft::GroupId;
use argosy_raft::evidence::{stored_entry, stored_start};

use super::Invariant;
use crate::sight::{NodeSight, Sight};

/// The disks that each node had lost by a moment.
type Disks = BTreeMap<u64, u32>;

/// The highest commit of each group that was found to be durable; the disks at the last look; and, for each group, how long its longest log
/// was when it had grown, with the disks before that.
#[derive(Debug, Default)]
pub(super) struct CommittedOnQuorum {
    committed: BTreeMap<u64, u64>,
    disks: Disks,
    grown: BTreeMap<u64, BTreeMap<u64, Disks>>,
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
        for (_, replica) in sight.replicas() {
            let grown = self.grown.entry(replica.group).or_default();
            if grown.last_key_value().is_none_or(|(longest, _)| *longest < replica.status.last_log) {
                grown.insert(replica.status.last_log, before.clone());
            }
        }
        for (node, replica) in sight.replicas() {
            let (committed, members) = (replica.status.committed, &replica.status.members);
            let known = self.committed.entry(replica.group).or_default();
            // While members change, two majorities count; that of one set alone is not the question.
            if committed <= *known || members.changing || members.voters.is_empty() {
                continue;
            }
            *known = committed;
            let grown = self.grown.entry(replica.group).or_default();
            *grown = grown.split_off(&committed);
            let before = grown.first_key_value().map(|(_, disks)| disks);
            let has_lost = |node: &NodeSight| {
                before.is_some_and(|disks| disks.get(&node.number).is_some_and(|disk| *disk != node.disk))
            };
            let group = GroupId(replica.group);
            let voters = sight.nodes.iter().filter(|other| members.voters.iter().any(|voter| voter.0 == other.number));
            // Those whose log has moved on behind a snapshot have it there, and who lost its disk since the entry was written may have
            // acknowledged it before. The others must have one and the same entry.
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
