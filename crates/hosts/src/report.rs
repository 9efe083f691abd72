//! What plays came to, for machines.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_chaos::page::Mark;
use argosy_chaos::report::Spread;
use argosy_chaos::timeline::Timeline;
use argosy_switch::Counts;
use serde::Serialize;

use crate::failover::Times;
use crate::verdict::Verdict;

/// All plays of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Decides the workload, and which frames are lost.
    pub seed: u64,
    /// The plays, in the order in which they were played.
    pub plays: Vec<PlayReport>,
    /// Plays that could not be played here, with the reason.
    pub skipped: BTreeMap<String, String>,
    /// How long it took.
    pub wall_s: f64,
}

/// One play. Times are in seconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PlayReport {
    /// Its name.
    pub play: String,
    /// How long it took.
    pub wall_s: f64,
    /// How often a leader was struck.
    pub rounds: usize,
    /// From each strike to another leader.
    pub leader_s: Spread,
    /// From each strike to a write that was acknowledged.
    pub commit_s: Spread,
    /// From each strike to a plan that was committed.
    pub plan_s: Spread,
    /// Times of more than a second in which a shard answered none of its administrators.
    pub unavailable_s: Spread,
    /// Outages of that kind.
    pub outages: usize,
    /// Questions of administrators that were answered.
    pub answered: usize,
    /// Effects in the provider's ledger.
    pub effects: u64,
    /// What became of frames between hosts.
    pub frames: Frames,
    /// What must not be.
    pub violations: Vec<String>,
    #[serde(skip)]
    pub(crate) timeline: Timeline,
    #[serde(skip)]
    pub(crate) marks: Vec<Mark>,
    #[serde(skip)]
    pub(crate) times: Vec<Times>,
}

/// Frames of one play, each counted for every port that it was to go to.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Frames {
    /// Delivered.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost on a link that was cut.
    pub cut: u64,
    /// Lost because too many were on their way.
    pub overflowed: u64,
}

impl Frames {
    /// What became of frames between two looks at the switch.
    pub(crate) fn between(before: Counts, after: Counts) -> Self {
        Self {
            delivered: after.delivered - before.delivered,
            lost: after.lost - before.lost,
            cut: after.cut - before.cut,
            overflowed: after.overflowed - before.overflowed,
        }
    }
}

impl Report {
    /// How many promises were broken in all plays.
    #[must_use]
    pub fn broken(&self) -> usize {
        self.plays.iter().map(|play| play.violations.len()).sum()
    }
}

impl PlayReport {
    pub(crate) fn new(play: &str, wall: Duration, frames: Frames, verdict: Verdict) -> Self {
        let spread = |time: fn(&Times) -> Option<Duration>| Spread::of(verdict.times.iter().filter_map(time).collect());
        Self {
            play: play.to_owned(),
            wall_s: wall.as_secs_f64(),
            rounds: verdict.times.len(),
            leader_s: spread(|times| times.leader),
            commit_s: spread(|times| times.commit),
            plan_s: spread(|times| times.plan),
            unavailable_s: Spread::of(verdict.outages.clone()),
            outages: verdict.outages.len(),
            answered: verdict.answered,
            effects: verdict.effects,
            frames,
            violations: verdict.broken,
            timeline: verdict.timeline,
            marks: verdict.marks,
            times: verdict.times,
        }
    }
}
