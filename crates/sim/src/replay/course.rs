//! The actor: at every moment of the trace it lets tasks come and go and reports the clusters that this touches.

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::State;
use argosy_trace::tiles::{Moments, Tiles};
use argosy_trace::transform::cluster_of;
use argosy_trace::{MILLI_PER_GPU, Trace};
use argosy_workload::labels;
use sha2::{Digest as _, Sha256};

use super::asks::Asks;
use super::inventory::Inventory;
use super::ledger::Ledger;
use super::outcome::{Replayed, Sample};
use super::{EPILOGUE_MS, Replay};
use crate::actor::Actor;
use crate::check::Report;
use crate::fleet::FleetSim;
use crate::leader::{Cycled, Leader};
use crate::trace::hex;

/// Clusters that the tasks of one tile are dealt into.
const CLUSTERS_OF_A_TILE: u32 = 3;
/// The fleet is looked at so many times over the run, and again so many times over what happens: most happens in a small part of the time.
const SAMPLES: u64 = 480;

/// A replay on its way.
pub(super) struct Course<'t> {
    tiles: &'t Tiles,
    moments: Moments,
    next_ms: Option<u64>,
    clusters: Vec<String>,
    /// Which of a tile's clusters each task belongs to.
    share_of: Vec<u32>,
    asks: Asks,
    ledger: Ledger,
    end_ms: u64,
    every_ms: u64,
    /// When, or after how much has happened, the fleet is looked at next.
    next_sample: (u64, u64),
    samples: Vec<Sample>,
    /// Arrivals and departures so far.
    happened: u64,
    /// Is told of them, in parts per thousand of all there can be.
    progress: &'t mut dyn FnMut(u64),
}

impl<'t> Course<'t> {
    pub(super) fn new(tiles: &'t Tiles, clusters: u32, replay: &Replay, progress: &'t mut dyn FnMut(u64)) -> Self {
        let trace: &Trace = tiles.trace();
        let mut moments = tiles.moments(replay.step_ms);
        let asks = Asks::new(trace, clusters as usize);
        let clusters: Vec<String> = (0..clusters).map(|number| format!("cluster-{number:03}")).collect();
        let shares = u64::from(CLUSTERS_OF_A_TILE.min(u32::try_from(clusters.len()).expect("few clusters")));
        let shares = if tiles.len() == 1 { clusters.len() as u64 } else { shares };
        let share_of = |name: &str| u32::try_from(cluster_of(name, shares)).expect("less than the number of clusters");
        let ends = |task: &argosy_trace::Task| task.departure_ms().unwrap_or(task.arrival_ms);
        let end_ms = trace.tasks.iter().map(ends).max().unwrap_or(0) + tiles.most_jitter_ms() + 2 * replay.step_ms;
        Self {
            next_ms: moments.next_ms(tiles),
            share_of: trace.tasks.iter().map(|task| share_of(&task.name)).collect(),
            ledger: Ledger::new(replay.shards as usize, &clusters, asks.blanks()),
            end_ms,
            every_ms: ((end_ms + EPILOGUE_MS) / SAMPLES).max(1),
            next_sample: (0, 0),
            samples: Vec::new(),
            happened: 0,
            progress,
            tiles,
            moments,
            clusters,
            asks,
        }
    }

    /// When everything has happened.
    pub(super) fn end_ms(&self) -> u64 {
        self.end_ms
    }

    /// The names of the clusters.
    pub(super) fn clusters(&self) -> &[String] {
        &self.clusters
    }

    fn cluster_of(&self, task: u32, tile: u32) -> u32 {
        let number = tile.wrapping_mul(CLUSTERS_OF_A_TILE).wrapping_add(self.share_of[task as usize]);
        number % u32::try_from(self.clusters.len()).expect("few clusters")
    }

    /// What it came to.
    pub(super) fn finish(self, name: &str, replay: &Replay, fleet: &FleetSim) -> Replayed {
        let mut hasher = Sha256::new();
        for leader in fleet.leaders() {
            hasher.update(leader.state().decision_hash().to_string());
        }
        let [cpu, gpu] = self.ledger.granted_ratios();
        let capacity = Inventory::gpu_milli(self.tiles);
        let most = |of: fn(&Sample) -> f64| self.samples.iter().map(of).fold(0.0, f64::max);
        let mut replayed = Replayed {
            report: Report::of(name, fleet, Vec::new(), hex(&hasher.finalize())),
            seed: replay.seed,
            machines: self.tiles.machines(),
            gpus: capacity / MILLI_PER_GPU,
            tiles: self.tiles.len(),
            tasks: self.tiles.tasks(),
            clusters: self.clusters.len() as u64,
            shards: replay.shards,
            step_s: replay.step_ms / 1_000,
            jitter_s: self.tiles.most_jitter_ms() / 1_000,
            arrived: self.ledger.arrived,
            placed: self.ledger.waits.count(),
            never_placed: self.ledger.never_placed,
            waiting: self.ledger.waiting(),
            preempted: self.ledger.actions.get("Preempt").copied().unwrap_or(0),
            actions: named(&self.ledger.actions),
            shortfalls: named(&self.ledger.shortfalls),
            cpu_granted_ratio: cpu,
            gpu_granted_ratio: gpu,
            peak_gpus_asked: most(|sample| sample.gpus_asked),
            peak_gpus_allocated: most(|sample| sample.gpus_allocated),
            time_to_place_s: self.ledger.waits.percentiles(),
            samples: self.samples,
        };
        replayed.report.assertions = super::checks(&replayed);
        replayed.report.passed &= replayed.report.assertions.iter().all(|check| check.passed);
        replayed
    }

    fn sample(&mut self, fleet: &FleetSim) {
        let level = self.ledger.level();
        let gpus = |milli: u64| milli as f64 / MILLI_PER_GPU as f64;
        let allocated = fleet.leaders().iter().map(allocated).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        self.samples.push(Sample {
            at_s: fleet.now_ms() / 1_000,
            machines_allocated: allocated.0,
            gpus_allocated: gpus(allocated.1),
            gpus_asked: gpus(level.asked[1]),
            gpus_granted: gpus(level.granted[1]),
            waiting: self.ledger.waiting(),
            short_needs: self.ledger.short(),
        });
    }
}

impl Actor for Course<'_> {
    fn next_ms(&self) -> Option<u64> {
        self.next_ms
    }

    fn act(&mut self, fleet: &mut FleetSim) {
        let Some(at_ms) = self.next_ms else { return };
        let mut changed: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        while let Some(next) = self.moments.next_at(self.tiles, at_ms) {
            let (cluster, profile) = (self.cluster_of(next.task, next.tile), self.asks.profile_of(next.task));
            self.asks.happen(cluster as usize, next.task, next.arrives);
            let task = (next.task, next.tile);
            if next.arrives {
                self.ledger.arrives((cluster, profile), task, at_ms);
            } else {
                self.ledger.departs((cluster, profile), task);
            }
            changed.entry(cluster).or_default().insert(profile);
            self.happened += 1;
        }
        (self.progress)(self.happened * 1_000 / (2 * self.tiles.tasks()));
        for (cluster, profiles) in changed {
            let rows = self.asks.rows(cluster as usize, profiles.iter().copied());
            if fleet.report(&self.clusters[cluster as usize], rows).is_none() {
                let shard = cluster as usize % fleet.leaders().len();
                profiles.into_iter().for_each(|profile| self.ledger.stays(shard, at_ms, (cluster, profile)));
            }
        }
        self.next_ms = self.moments.next_ms(self.tiles);
    }

    fn after_cycle(&mut self, fleet: &mut FleetSim, cycled: &Cycled) {
        self.ledger.close(&fleet.leaders()[cycled.shard], cycled);
        let now_ms = fleet.now_ms();
        if now_ms >= self.next_sample.0 || self.happened >= self.next_sample.1 {
            self.sample(fleet);
            self.next_sample = (now_ms + self.every_ms, self.happened + (2 * self.tiles.tasks()).div_ceil(SAMPLES));
        }
    }
}

/// Machines that serve a cluster, and their GPUs in thousandths.
fn allocated(leader: &Leader) -> (u64, u64) {
    let fleet = leader.state().fleet();
    let gpu = fleet.words.find_dim(labels::GPU_MILLI);
    let serving = fleet.classes().in_state(State::Configured).map(|(class, members)| {
        let of_one = gpu.map_or(0, |gpu| fleet.words.shape_of(class.shape).resources.get(gpu));
        (members.len() as u64, members.len() as u64 * of_one)
    });
    serving.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
}

fn named(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}
