//! Raft §5.4.3, state machine safety: what one replica committed at an index, no other replica commits otherwise.

use std::collections::BTreeMap;
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
    entries: BTreeMap<(u64, u64), Vec<Seen>>,
    /// The next index to be read of each replica.
    next: BTreeMap<Life, u64>,
    /// Since when a disk holds another entry than was committed.
    behind: BTreeMap<Life, Duration>,
}

/// One entry that was seen at an index, and the disks that had it when they were last read: each node, and how often it had started.
#[derive(Debug)]
struct Seen {
    term: u64,
    hash: u64,
    on: BTreeMap<String, u32>,
}

/// A replica may know of a commit before its disk has overwritten what another leader left there. Its group commit is done with that
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
                let majority = replica.status.members.voters.len() / 2 + 1;
                match self.compare(&life, next, (entry.term, stable_hash(&entry.bytes)), majority) {
                    Compared::Same => drop(self.behind.remove(&life)),
                    Compared::Leftover => {
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

#[derive(Debug, PartialEq, Eq)]
enum Compared {
    Same,
    /// Not what a majority has: a leftover, if it goes away soon.
    Leftover,
    /// Of the same term and not the same: nothing can excuse that.
    Other,
}

impl CommittedAgree {
    /// Holds what a disk has at an index against what others had. What a majority has on disk was committed. What was seen besides is what a
    /// leader left there that nobody followed, of an earlier term or of a later one: those disks are read again.
    fn compare(&mut self, life: &Life, index: u64, (term, hash): (u64, u64), majority: usize) -> Compared {
        let (node, starts, group) = life;
        let entries = self.entries.entry((*group, index)).or_default();
        if entries.iter().any(|seen| seen.term == term && seen.hash != hash) {
            return Compared::Other;
        }
        for seen in entries.iter_mut().filter(|seen| seen.term != term) {
            seen.on.remove(node);
        }
        let this = entries.iter().position(|seen| seen.term == term).unwrap_or_else(|| {
            entries.push(Seen { term, hash, on: BTreeMap::new() });
            entries.len() - 1
        });
        entries[this].on.insert(node.clone(), *starts);
        match entries.iter().position(|seen| seen.on.len() >= majority) {
            Some(committed) if committed == this => {
                for leftover in entries.iter_mut().filter(|seen| seen.term != term) {
                    for (node, starts) in std::mem::take(&mut leftover.on) {
                        self.next.entry((node, starts, *group)).and_modify(|next| *next = index.min(*next));
                    }
                }
                Compared::Same
            }
            Some(_) => Compared::Leftover,
            None => Compared::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: u64 = 9;

    fn life(node: &str) -> Life {
        (node.to_owned(), 1, 4)
    }

    fn read(check: &mut CommittedAgree, node: &str, entry: (u64, u64)) -> Compared {
        let compared = check.compare(&life(node), INDEX, entry, 2);
        check.next.insert(life(node), if compared == Compared::Leftover { INDEX } else { INDEX + 1 });
        compared
    }

    #[test]
    fn what_a_lone_leader_left_is_no_committed_entry_whatever_its_term() {
        for left in [(3, 30), (9, 90)] {
            let mut check = CommittedAgree::default();
            assert_eq!(read(&mut check, "a", left), Compared::Same, "one disk alone says nothing");
            assert_eq!(read(&mut check, "b", (5, 50)), Compared::Same);
            assert_eq!(read(&mut check, "c", (5, 50)), Compared::Same);
            assert_eq!(check.next[&life("a")], INDEX, "its disk is read again");
            assert_eq!(check.next[&life("b")], INDEX + 1);
            assert_eq!(read(&mut check, "a", left), Compared::Leftover);
            assert_eq!(read(&mut check, "a", (5, 50)), Compared::Same);
        }
    }

    #[test]
    fn two_entries_of_one_term_are_never_excused() {
        let mut check = CommittedAgree::default();
        assert_eq!(read(&mut check, "a", (5, 50)), Compared::Same);
        assert_eq!(read(&mut check, "b", (5, 51)), Compared::Other);
    }
}
