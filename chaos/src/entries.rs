//! Entries of a shard's log with what folding them changed: each one once, whichever replica is the first to tell of it.

use std::collections::BTreeMap;

use argosy_raft::GroupId;
use argosy_raft::evidence::{StoredEntry, stored_entry};
use argosy_server::replica::Folded;
use argosy_shard::{Ending, Envelope, Event, OperationId};

use crate::sight::NodeSight;

/// An entry that changed something.
pub struct EntrySight {
    /// The shard.
    pub shard: String,
    /// The number of its group.
    pub group: u64,
    /// Where it stands in the log.
    pub index: u64,
    /// The term that it was appended in.
    pub term: u64,
    /// What it says.
    pub envelope: Envelope,
    /// What it changed.
    pub events: Vec<Folded>,
    /// Entries before it may have changed things unseen: a replica had taken the state whole, or nobody has them any more.
    pub after_gap: bool,
}

impl EntrySight {
    /// Operations that ended with this entry, with how; not those whose time had come, which any entry ends.
    pub(crate) fn closed(&self) -> impl Iterator<Item = (OperationId, &Folded, Ending)> {
        self.events.iter().filter_map(|folded| match folded.event {
            Event::OperationClosed { id, ending, .. } if ending != Ending::TimedOut => Some((id, folded, ending)),
            _ => None,
        })
    }

    /// Whether time alone brought this about.
    pub(crate) fn is_timed_out(&self, machine: &str) -> bool {
        self.events.iter().any(|folded| {
            matches!(folded.event, Event::OperationClosed { ending: Ending::TimedOut, .. })
                && folded.machine.as_deref() == Some(machine)
        })
    }
}

/// Reads entries as replicas publish them.
#[derive(Debug, Default)]
pub(crate) struct Entries(BTreeMap<u64, Place>);

/// How far a group's log was read.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// The last index that was told of.
    last: u64,
    /// Since the last entry that was told of, others may have changed things unseen.
    gap: bool,
}

impl Entries {
    /// What was published since the last call.
    pub(crate) fn read(&mut self, nodes: &[NodeSight]) -> Vec<EntrySight> {
        let mut entries = Vec::new();
        for replica in nodes.iter().flat_map(|node| &node.replicas) {
            for published in &replica.published {
                let place = self.0.entry(replica.group).or_default();
                if published.view.applied <= place.last {
                    continue;
                }
                place.gap |= published.view.restored > place.last;
                let new = published.events.iter().filter(|folded| folded.index > place.last);
                let mut by_index: BTreeMap<u64, Vec<Folded>> = BTreeMap::new();
                for folded in new {
                    by_index.entry(folded.index).or_default().push(folded.clone());
                }
                place.last = published.view.applied;
                for (index, events) in by_index {
                    // One that is purged everywhere, or that a planted bug has lost, says nothing.
                    let majority = replica.status.members.voters.len() / 2 + 1;
                    let entry = committed(nodes, GroupId(replica.group), index, majority);
                    let envelope = entry.as_ref().and_then(|entry| Envelope::decode(entry.command.as_deref()?).ok());
                    let (Some(entry), Some(envelope)) = (entry, envelope) else {
                        place.gap = true;
                        continue;
                    };
                    let (shard, group, term) = (replica.shard.clone(), replica.group, entry.term);
                    let after_gap = std::mem::take(&mut place.gap);
                    entries.push(EntrySight { shard, group, index, term, envelope, events, after_gap });
                }
            }
        }
        entries
    }
}

/// What was committed at an index: what a majority has on disk, or else most. A disk alone may still hold what a leader wrote there that
/// nobody followed.
fn committed(nodes: &[NodeSight], group: GroupId, index: u64, majority: usize) -> Option<StoredEntry> {
    let mut seen: Vec<(usize, StoredEntry)> = Vec::new();
    for entry in nodes.iter().filter_map(|node| stored_entry(node.durable.as_ref(), group, index).ok().flatten()) {
        let same = seen.iter().position(|(_, known)| known.bytes == entry.bytes);
        let same = same.unwrap_or_else(|| {
            seen.push((0, entry));
            seen.len() - 1
        });
        seen[same].0 += 1;
        if seen[same].0 == majority {
            return Some(seen.swap_remove(same).1);
        }
    }
    seen.into_iter().max_by_key(|(disks, _)| *disks).map(|(_, entry)| entry)
}
