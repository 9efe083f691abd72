//! A production trace on virtual time: its nodes as machines of the cloud, its tasks as the demand of clusters.
//!
//! ```text
//! Tiles ──> Inventory ──> cloud                     FleetSim ──> Cycled ──┐
//!   └─────> Moments ──> Asks ──> roll-ups ──────────────^                 └──> Ledger ──> Replayed
//! ```
//!
//! - [`inventory`] says where the nodes of every tile stand, and hands them over one by one;
//! - [`asks`] keeps what every cluster asks for, and touches only what a moment changes;
//! - [`ledger`] looks at every decision: whose demand is covered, for how long it waited, what was allocated;
//! - [`course`] is the actor that brings them together.
//!
//! A million machines are 1.5 GB in cloud and shard, and 5 million tasks pass by as pairs of numbers (ADR 0094). No pods are simulated: as in
//! the replay on a real fleet a task is covered when its need is.

mod asks;
mod course;
mod inventory;
mod ledger;
mod outcome;
mod page;

use argosy_trace::tiles::Tiles;

use self::course::Course;
use self::inventory::Inventory;
use crate::check::Check;
use crate::cloud::{Dwell, Dwells};
use crate::fleet::{FleetSim, Setup};
use crate::leader::Scrutiny;

pub use self::outcome::{Percentiles, Replayed, Sample, Waits};

/// Machines of one cluster, where the number of clusters is not said: a Kubernetes cluster has 5,000 nodes at most.
const MACHINES_OF_A_CLUSTER: u64 = 5_000;
/// Machines of one zone, or so.
const MACHINES_OF_A_ZONE: u64 = 20_000;
/// Virtual time after the last thing has happened, so that it is seen what comes of it.
const EPILOGUE_MS: u64 = 900_000;
/// How a trace is replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Clusters that the tasks are dealt into; three, or one for every 5,000 machines, if not said.
    pub clusters: Option<u32>,
    /// Shards that clusters and machines are dealt into.
    pub shards: u32,
    /// Things that happen within this time happen in one moment.
    pub step_ms: u64,
    /// From one cycle to the next while nothing changes.
    pub cycle_ms: u64,
    /// How long the cloud takes.
    pub dwells: Dwells,
    /// Of everything that is drawn.
    pub seed: u64,
}

impl Replay {
    /// One shard, five-minute steps, a minute to configure and to drain.
    pub fn new(seed: u64) -> Self {
        let minutes = |minutes: u64| Dwell::Fixed(minutes * 60_000);
        let dwells = Dwells { create: minutes(3), configure: minutes(1), drain: minutes(1), delete: minutes(1) };
        Self { clusters: None, shards: 1, step_ms: 300_000, cycle_ms: 300_000, dwells, seed }
    }

    /// Runs it; `progress` is told how much of what happens has happened, in parts per thousand.
    pub fn run(&self, name: &str, tiles: &Tiles, mut progress: impl FnMut(u64)) -> Replayed {
        let clusters = self.clusters.map_or_else(|| (tiles.machines() / MACHINES_OF_A_CLUSTER).max(3), u64::from);
        let clusters = u32::try_from(clusters).unwrap_or(u32::MAX).max(1);
        let inventory = Inventory::new(tiles, self.shards, MACHINES_OF_A_ZONE);
        let mut fleet = FleetSim::new(self.setup(&inventory), inventory.machines(tiles));
        let mut course = Course::new(tiles, clusters, self, &mut progress);
        for (number, cluster) in course.clusters().iter().enumerate() {
            fleet.bind(cluster, number % self.shards.max(1) as usize);
        }
        fleet.run(course.end_ms().saturating_add(EPILOGUE_MS), &mut course);
        course.finish(name, self, &fleet)
    }

    fn setup(&self, inventory: &Inventory) -> Setup {
        Setup {
            shards: inventory.shards(),
            cycle_ms: self.cycle_ms,
            early_cycle_ms: Some(10_000),
            dwells: self.dwells,
            scrutiny: Scrutiny::default(),
            ..Setup::new(self.seed)
        }
    }
}

/// What must hold of every replay, whatever the trace.
fn checks(replayed: &Replayed) -> Vec<Check> {
    vec![
        Check::equal("tasks that arrived", replayed.tasks, replayed.arrived),
        Check::equal(
            "tasks that were covered, left before, or still wait",
            replayed.arrived,
            replayed.placed + replayed.never_placed + replayed.waiting,
        ),
    ]
}

#[cfg(test)]
mod tests;
