//! Writes the timeline of a play from what an observer is told: the form is that of the simulated worlds, so that one page draws both.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use argosy_chaos::page::Mark;
use argosy_chaos::timeline::{Commit, FaultSpan, Life, Reign, Timeline, ms};
use argosy_localfleet::Picture;

/// How far replicas are is noted so often.
const COMMITS_EVERY: Duration = Duration::from_secs(1);

/// A name for a fault under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FaultToken(usize);

/// Makes a timeline of what it is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    timeline: Timeline,
    marks: Vec<Mark>,
    open_faults: BTreeSet<usize>,
    /// The open life of each node.
    living: BTreeMap<String, usize>,
    /// The open reign of each replica, by shard and node.
    reigning: BTreeMap<(String, String), usize>,
    commits_at: Duration,
}

impl Recorder {
    /// A recorder of these nodes and shards.
    pub(crate) fn new(nodes: Vec<String>, shards: Vec<String>) -> Self {
        Self { timeline: Timeline { nodes, shards, ..Timeline::default() }, ..Self::default() }
    }

    /// A fault begins.
    pub(crate) fn fault_begins(&mut self, at: Duration, kind: &str, detail: &str) -> FaultToken {
        let (kind, detail, from_ms) = (kind.to_owned(), detail.to_owned(), ms(at));
        self.timeline.faults.push(FaultSpan { kind, detail, from_ms, until_ms: from_ms });
        let fault = self.timeline.faults.len() - 1;
        self.open_faults.insert(fault);
        FaultToken(fault)
    }

    /// It ends.
    pub(crate) fn fault_ends(&mut self, at: Duration, fault: FaultToken) {
        self.timeline.faults[fault.0].until_ms = ms(at);
        self.open_faults.remove(&fault.0);
    }

    /// Nothing is broken any more.
    pub(crate) fn healed(&mut self, at: Duration) {
        self.timeline.healed_ms.get_or_insert(ms(at));
    }

    /// A promise is broken.
    pub(crate) fn broken(&mut self, at: Duration, promise: &str, detail: &str) {
        self.marks.push(Mark { at_s: at.as_secs_f64(), label: promise.to_owned(), detail: detail.to_owned() });
    }

    /// What one look shows.
    pub(crate) fn look(&mut self, at: Duration, picture: &Picture) {
        let now = ms(at);
        for (node, up) in &picture.nodes_up {
            if !up {
                self.living.remove(node);
                continue;
            }
            let lives = &mut self.timeline.lives;
            let open = *self.living.entry(node.clone()).or_insert_with(|| {
                lives.push(Life { node: node.clone(), from_ms: now, until_ms: now, ended: String::new() });
                lives.len() - 1
            });
            lives[open].until_ms = now;
        }
        let before = std::mem::take(&mut self.reigning);
        for (key, replica) in picture.replicas.iter().filter(|(_, replica)| replica.leads) {
            let reigns = &mut self.timeline.reigns;
            let open = before.get(key).copied().filter(|open| reigns[*open].term == replica.term);
            let open = open.unwrap_or_else(|| {
                let (shard, node) = key.clone();
                reigns.push(Reign { shard, node, term: replica.term, from_ms: now, until_ms: now });
                reigns.len() - 1
            });
            reigns[open].until_ms = now;
            self.reigning.insert(key.clone(), open);
        }
        if at >= self.commits_at {
            self.commits_at = at + COMMITS_EVERY;
            self.timeline.commits.extend(picture.replicas.iter().map(|((shard, node), replica)| Commit {
                at_ms: now,
                shard: shard.clone(),
                node: node.clone(),
                term: replica.term,
                committed: replica.revision,
                applied: replica.revision,
            }));
        }
    }

    /// The timeline of a play that ended, and what was broken in it.
    pub(crate) fn finish(mut self, at: Duration) -> (Timeline, Vec<Mark>) {
        self.timeline.ended_ms = ms(at);
        for fault in self.open_faults {
            self.timeline.faults[fault].until_ms = self.timeline.ended_ms;
        }
        (self.timeline, self.marks)
    }
}

#[cfg(test)]
mod tests {
    use argosy_localfleet::Replica;

    use super::*;

    fn look(recorder: &mut Recorder, at_s: u64, term: u64, leads: bool, up: bool) {
        let mut picture = Picture::default();
        picture.nodes_up.insert("eu-1".to_owned(), up);
        if up {
            let replica = Replica { revision: at_s, term, leads, hash: Vec::new() };
            picture.replicas.insert(("s".to_owned(), "eu-1".to_owned()), replica);
        }
        recorder.look(Duration::from_secs(at_s), &picture);
    }

    #[test]
    fn a_reign_ends_with_its_term_and_with_the_silence_of_its_node() {
        let mut recorder = Recorder::new(vec!["eu-1".to_owned()], vec!["s".to_owned()]);
        for (at_s, term, leads, up) in
            [(1, 1, true, true), (2, 1, true, true), (3, 2, true, true), (4, 2, true, false), (5, 2, true, true)]
        {
            look(&mut recorder, at_s, term, leads, up);
        }
        let (timeline, _) = recorder.finish(Duration::from_secs(6));
        let reigns: Vec<_> = timeline.reigns.iter().map(|reign| (reign.term, reign.from_ms, reign.until_ms)).collect();
        assert_eq!(reigns, [(1, 1_000, 2_000), (2, 3_000, 3_000), (2, 5_000, 5_000)]);
        let lives: Vec<_> = timeline.lives.iter().map(|life| (life.from_ms, life.until_ms)).collect();
        assert_eq!(lives, [(1_000, 3_000), (5_000, 5_000)]);
    }

    #[test]
    fn a_fault_that_goes_on_ends_with_the_play() {
        let mut recorder = Recorder::default();
        let _open = recorder.fault_begins(Duration::from_secs(1), "kill", "eu-1");
        assert_eq!(recorder.finish(Duration::from_secs(9)).0.faults[0].until_ms, 9_000);
    }
}
