//! What became of a play: the promises that were broken in it, and its times.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_chaos::history::History;
use argosy_chaos::page::Mark;
use argosy_chaos::timeline::{Outage, Timeline};
use argosy_localfleet::{Invariants, LocalFleet, Picture, Watch};
use tokio::time::{Instant, sleep};

use crate::clerks;
use crate::failover::Times;
use crate::observer::Log;

/// A gap between answers of a shard that is longer than this is an outage.
const OUTAGE: Duration = Duration::from_secs(1);
/// How long the replicas of a shard at rest may take to stand at one revision.
const LEVEL_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What became of a play.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// Broken promises, with the evidence.
    pub(crate) broken: Vec<String>,
    /// How shards came back.
    pub(crate) times: Vec<Times>,
    /// Outages, as those who wrote and read saw them.
    pub(crate) outages: Vec<Duration>,
    /// Questions of administrators that were answered.
    pub(crate) answered: usize,
    /// Effects in the provider's ledger.
    pub(crate) effects: u64,
    /// What happened, over time.
    pub(crate) timeline: Timeline,
    /// When promises were broken, as far as that is known.
    pub(crate) marks: Vec<Mark>,
}

impl Verdict {
    pub(crate) fn new(
        log: &Log,
        history: &History,
        initial: &BTreeMap<String, i64>,
        times: Vec<Times>,
        effects: u64,
        mut broken: Vec<String>,
    ) -> Self {
        let contradictions = clerks::contradictions(history, |key| initial.get(key).copied().unwrap_or_default());
        broken.extend(contradictions.into_iter().map(|found| format!("settings are linearizable: {found}")));
        let (mut timeline, marks) = log.recorder().finish(log.now());
        let gaps = history.gaps(OUTAGE);
        timeline.outages = gaps.iter().map(Outage::from).collect();
        Self {
            broken,
            times,
            outages: gaps.iter().map(|gap| gap.to - gap.from).collect(),
            answered: history.answered(),
            effects,
            timeline,
            marks,
        }
    }
}

/// Everything that can be asked once nobody changes anything any more: machines, and the replicas of every shard at one revision.
pub(crate) async fn last_checks(fleet: &LocalFleet, watch: &mut Watch) -> Vec<String> {
    watch.bound().await;
    let deadline = Instant::now() + LEVEL_WITHIN;
    let mut invariants = Invariants::default();
    let mut level: BTreeMap<&str, bool> =
        fleet.blueprint().shards.iter().map(|shard| (shard.id.as_str(), false)).collect();
    while level.values().any(|level| !level) && Instant::now() < deadline {
        let picture = Picture::with_hashes(fleet.blueprint(), fleet.clients()).await;
        invariants.look(&picture);
        for (shard, level) in &mut level {
            *level |= stands_level(&picture, shard, fleet.blueprint().nodes.len());
        }
        sleep(LOOK_EVERY).await;
    }
    let uneven = level.iter().filter(|(_, level)| !**level);
    let uneven = uneven.map(|(shard, _)| format!("replicas agree: those of {shard} were never seen at one revision"));
    let differing = invariants.violations().iter().map(|found| format!("{}: {}", found.rule, found.evidence));
    uneven.chain(differing).collect()
}

/// Whether all replicas of a shard tell of one revision, with their hashes.
fn stands_level(picture: &Picture, shard: &str, nodes: usize) -> bool {
    let told: Vec<u64> = picture
        .replicas
        .iter()
        .filter(|((of, _), replica)| of == shard && !replica.hash.is_empty())
        .map(|(_, replica)| replica.revision)
        .collect();
    told.len() == nodes && told.windows(2).all(|pair| pair[0] == pair[1])
}
