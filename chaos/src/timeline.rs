//! What happened in a world and when, small enough to keep and to draw: faults, lives, reigns, commits, outages.
//!
//! It says less than the trace, and is no evidence: the trace names the run, this shows it. Times are milliseconds of the world.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::history::Gap;
use crate::sight::Sight;

/// Progress is noted so often, where there is any.
const EVERY_MS: u64 = 1_000;

/// The timeline of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Ids of nodes, in the order of the layout.
    pub nodes: Vec<String>,
    /// Ids of shards.
    pub shards: Vec<String>,
    /// When everything was healed, if the run came so far.
    pub healed_ms: Option<u64>,
    /// When the run ended.
    pub ended_ms: u64,
    /// What struck.
    pub faults: Vec<FaultSpan>,
    /// When nodes ran.
    pub lives: Vec<Life>,
    /// Who led.
    pub reigns: Vec<Reign>,
    /// How far replicas were.
    pub commits: Vec<Commit>,
    /// When nobody answered administrators.
    pub outages: Vec<Outage>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultSpan {
    /// Which kind.
    pub kind: String,
    /// All that is to be said of it.
    pub detail: String,
    /// When it began.
    pub from_ms: u64,
    /// When it ended; that of its beginning for one that does not last.
    pub until_ms: u64,
}

/// One life of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// Whose.
    pub node: String,
    /// Since when it ran.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
    /// Why it did not run on, where it said so.
    pub ended: String,
}

/// One leadership of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reign {
    /// Of which shard.
    pub shard: String,
    /// Whose.
    pub node: String,
    /// In which term.
    pub term: u64,
    /// Since when.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
}

/// How far a replica was at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// When.
    pub at_ms: u64,
    /// Of which shard.
    pub shard: String,
    /// On which node.
    pub node: String,
    /// Its term.
    pub term: u64,
    /// What it knew to be committed.
    pub committed: u64,
    /// What it had applied.
    pub applied: u64,
}

/// A time in which nobody answered a shard's administrators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Which shard.
    pub shard: String,
    /// The last answer before.
    pub from_ms: u64,
    /// The first answer after.
    pub until_ms: u64,
}

impl From<&Gap> for Outage {
    fn from(gap: &Gap) -> Self {
        Self { shard: gap.shard.clone(), from_ms: ms(gap.from), until_ms: ms(gap.to) }
    }
}

/// Writes a timeline, look by look.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    timeline: Timeline,
    /// The open life of each node, by its number of starts.
    living: BTreeMap<String, (u32, usize)>,
    /// The open reign of each replica.
    reigning: BTreeMap<(String, String), usize>,
    /// What was last noted of each replica.
    noted: BTreeMap<(String, String), (u64, u64, u64)>,
    next_ms: u64,
}

/// Milliseconds of a time.
#[must_use]
pub fn ms(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}

impl Recorder {
    /// Notes what a look has shown.
    pub(crate) fn look(&mut self, sight: &Sight<'_>) {
        let now = ms(sight.at);
        self.timeline.ended_ms = now;
        for node in &sight.nodes {
            let runs = !node.replicas.is_empty() && node.refused.is_none();
            let open = self.living.get(&node.id).copied();
            match open {
                Some((life, at)) if runs && life == node.life => self.timeline.lives[at].until_ms = now,
                Some((_, at)) if !runs => {
                    self.timeline.lives[at].ended = node.refused.clone().unwrap_or_default();
                    self.living.remove(&node.id);
                }
                _ if runs => {
                    let life = Life { node: node.id.clone(), from_ms: now, until_ms: now, ended: String::new() };
                    self.timeline.lives.push(life);
                    self.living.insert(node.id.clone(), (node.life, self.timeline.lives.len() - 1));
                }
                _ => {}
            }
        }
        self.reigns(sight, now);
        if now >= self.next_ms {
            self.next_ms = now + EVERY_MS;
            self.commits(sight, now);
        }
    }

    fn reigns(&mut self, sight: &Sight<'_>, now: u64) {
        let before = std::mem::take(&mut self.reigning);
        for (node, replica) in sight.replicas() {
            let Some(term) = replica.reign else { continue };
            let key = (replica.shard.clone(), node.id.clone());
            let open = before.get(&key).copied().filter(|at| self.timeline.reigns[*at].term == term);
            let at = open.unwrap_or_else(|| {
                let (shard, node) = key.clone();
                self.timeline.reigns.push(Reign { shard, node, term, from_ms: now, until_ms: now });
                self.timeline.reigns.len() - 1
            });
            self.timeline.reigns[at].until_ms = now;
            self.reigning.insert(key, at);
        }
    }

    fn commits(&mut self, sight: &Sight<'_>, at_ms: u64) {
        for (node, replica) in sight.replicas() {
            let status = &replica.status;
            let (term, committed, applied) = (status.leadership.term, status.committed, status.applied);
            let key = (replica.shard.clone(), node.id.clone());
            if self.noted.insert(key.clone(), (term, committed, applied)) != Some((term, committed, applied)) {
                let (shard, node) = key;
                self.timeline.commits.push(Commit { at_ms, shard, node, term, committed, applied });
            }
        }
    }

    /// A fault begins; the number returned is for its end.
    pub(crate) fn fault(&mut self, kind: &str, detail: String, at: Duration) -> usize {
        let at = ms(at);
        self.timeline.faults.push(FaultSpan { kind: kind.to_owned(), detail, from_ms: at, until_ms: at });
        self.timeline.faults.len() - 1
    }

    /// A fault has ended.
    pub(crate) fn fault_ended(&mut self, fault: usize, at: Duration) {
        self.timeline.faults[fault].until_ms = ms(at);
    }

    /// Everything is healed.
    pub(crate) fn healed(&mut self, at: Duration) {
        self.timeline.healed_ms = Some(ms(at));
    }

    /// The timeline so far.
    pub(crate) fn timeline(&self, nodes: Vec<String>, shards: Vec<String>) -> Timeline {
        Timeline { nodes, shards, ..self.timeline.clone() }
    }
}
