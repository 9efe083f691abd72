//! What became of demand: looked up in every decision, kept as sums.
//!
//! A task is *placed* when its need is covered by machines that are bound to its cluster, those being configured included; until then it
//! waits. Amounts of demand and of what is granted are weighted by time. An episode of shortfall begins when a need becomes short of what neither is bound nor comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argosy_engine::{Decision, Unmet, Verdict};
use argosy_model::{ClusterIx, DimIx, ProfileIx, Resources, Vocabulary};
use argosy_shard::NeedRow;
use argosy_workload::labels;

use super::outcome::Waits;
use crate::leader::{Cycled, Leader};
use crate::row::fingerprint;

/// A row of demand: cluster and profile, as the replay numbers them.
pub(super) type Cell = (u32, u32);
/// A task: its number in the trace, and its tile.
pub(super) type TaskOfTile = (u32, u32);

/// The account of all shards.
#[derive(Debug)]
pub(super) struct Ledger {
    clusters: BTreeMap<String, u32>,
    profiles: BTreeMap<String, u32>,
    shards: Vec<OfShard>,
    /// Tasks that wait and since when, by the row that they are part of.
    waiting: BTreeMap<Cell, BTreeMap<TaskOfTile, u64>>,
    pub(super) waits: Waits,
    pub(super) arrived: u64,
    pub(super) never_placed: u64,
    /// Episodes of shortfall, by reason.
    pub(super) shortfalls: BTreeMap<&'static str, u64>,
    /// Actions that were taken, by kind.
    pub(super) actions: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
struct OfShard {
    cells: BTreeMap<(ClusterIx, ProfileIx), Cell>,
    last: Option<Arc<Decision>>,
    /// Rows that were short in the last decision, and those that waited for what is on its way.
    short: BTreeSet<Cell>,
    coming: BTreeSet<Cell>,
    since_ms: u64,
    level: Level,
    /// Levels times milliseconds.
    sums: ([u128; 2], [u128; 2]),
}

/// How much is asked for and granted at one time, in milli-cores and thousandths of a GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) asked: [u64; 2],
    pub(super) granted: [u64; 2],
}

impl Level {
    fn add(&mut self, verdict: &Verdict, dims: [Option<DimIx>; 2]) {
        let of = |amounts: &Resources| dims.map(|dim| dim.map_or(0, |dim| amounts.get(dim)));
        let (asked, lacks) = (of(&verdict.aggregate), of(&verdict.residual));
        for kind in 0..2 {
            self.asked[kind] += asked[kind];
            self.granted[kind] += asked[kind].saturating_sub(lacks[kind]);
        }
    }
}

impl Ledger {
    /// For so many shards, clusters of these names, and rows that look like these.
    pub(super) fn new(shards: usize, clusters: &[String], blanks: &[NeedRow]) -> Self {
        Self {
            clusters: clusters.iter().cloned().zip(0..).collect(),
            profiles: blanks.iter().map(fingerprint).zip(0..).collect(),
            shards: (0..shards).map(|_| OfShard::default()).collect(),
            waiting: BTreeMap::new(),
            waits: Waits::default(),
            arrived: 0,
            never_placed: 0,
            shortfalls: BTreeMap::new(),
            actions: BTreeMap::new(),
        }
    }

    /// A task begins to wait.
    pub(super) fn arrives(&mut self, cell: Cell, task: TaskOfTile, now_ms: u64) {
        self.arrived += 1;
        self.waiting.entry(cell).or_default().insert(task, now_ms);
    }

    /// A cluster asks for what it asked for already, tasks having come and gone: rows that were covered still are.
    pub(super) fn stays(&mut self, shard: usize, now_ms: u64, cell: Cell) {
        let of = &self.shards[shard];
        if !of.short.contains(&cell) && !of.coming.contains(&cell) {
            self.place(now_ms, cell);
        }
    }

    fn place(&mut self, now_ms: u64, cell: Cell) {
        let placed = self.waiting.remove(&cell).unwrap_or_default();
        placed.into_values().for_each(|since_ms| self.waits.add(now_ms - since_ms));
    }

    /// A task is gone, covered or not.
    pub(super) fn departs(&mut self, cell: Cell, task: TaskOfTile) {
        if let Some(tasks) = self.waiting.get_mut(&cell) {
            self.never_placed += u64::from(tasks.remove(&task).is_some());
            if tasks.is_empty() {
                self.waiting.remove(&cell);
            }
        }
    }

    /// Tasks that wait.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.values().map(|tasks| tasks.len() as u64).sum()
    }

    /// Rows that are short now.
    pub(super) fn short(&self) -> u64 {
        self.shards.iter().map(|shard| shard.short.len() as u64).sum()
    }

    /// What is asked for and granted now.
    pub(super) fn level(&self) -> Level {
        let mut all = Level::default();
        for shard in &self.shards {
            for kind in 0..2 {
                all.asked[kind] += shard.level.asked[kind];
                all.granted[kind] += shard.level.granted[kind];
            }
        }
        all
    }

    /// Shares of the CPU and of the GPU demand that were granted, weighted by time; 1 of what nobody asked for.
    pub(super) fn granted_ratios(&self) -> [f64; 2] {
        [0, 1].map(|kind| {
            let sum = |of: fn(&OfShard) -> &[u128; 2]| self.shards.iter().map(|shard| of(shard)[kind]).sum::<u128>();
            let (asked, granted) = (sum(|shard| &shard.sums.0), sum(|shard| &shard.sums.1));
            if asked == 0 { 1.0 } else { granted as f64 / asked as f64 }
        })
    }

    /// Takes in a cycle.
    pub(super) fn close(&mut self, leader: &Leader, cycled: &Cycled) {
        for acted in &cycled.acted {
            *self.actions.entry(acted.kind).or_default() += 1;
        }
        let mut shard = std::mem::take(&mut self.shards[cycled.shard]);
        shard.pass(cycled.at_ms);
        // A shard at rest decides the same again and hands out the same decision.
        if !shard.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &cycled.decision)) {
            self.look(&mut shard, leader, cycled);
        }
        self.shards[cycled.shard] = shard;
    }

    fn look(&mut self, shard: &mut OfShard, leader: &Leader, cycled: &Cycled) {
        let words = &leader.state().fleet().words;
        let dims = ["cpu", labels::GPU_MILLI].map(|name| words.find_dim(name));
        (shard.level, shard.coming) = (Level::default(), BTreeSet::new());
        let mut short = BTreeSet::new();
        for verdict in &cycled.decision.verdicts {
            shard.level.add(verdict, dims);
            let of = (verdict.key.cluster, verdict.key.profile);
            let cell = *shard.cells.entry(of).or_insert_with(|| named(words, of, &self.clusters, &self.profiles));
            match verdict.unmet {
                None => self.place(cycled.at_ms, cell),
                Some(Unmet::InFlight) => drop(shard.coming.insert(cell)),
                Some(why) => {
                    if !shard.short.contains(&cell) {
                        *self.shortfalls.entry(why.name()).or_default() += 1;
                    }
                    short.insert(cell);
                }
            }
        }
        shard.short = short;
        shard.last = Some(Arc::clone(&cycled.decision));
    }
}

impl OfShard {
    /// Time has passed at the level that was.
    fn pass(&mut self, now_ms: u64) {
        let elapsed_ms = u128::from(now_ms - self.since_ms);
        for kind in 0..2 {
            self.sums.0[kind] += u128::from(self.level.asked[kind]) * elapsed_ms;
            self.sums.1[kind] += u128::from(self.level.granted[kind]) * elapsed_ms;
        }
        self.since_ms = now_ms;
    }
}

/// The row that a need of a shard is. A shard has no needs but those that were reported to it.
fn named(
    words: &Vocabulary,
    (cluster, profile): (ClusterIx, ProfileIx),
    clusters: &BTreeMap<String, u32>,
    profiles: &BTreeMap<String, u32>,
) -> Cell {
    (clusters[words.cluster_id(cluster)], profiles[&words.fingerprint(words.profile_of(profile))])
}
