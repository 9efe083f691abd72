//! A closed loop from beginning to end, and what is counted on the way.

use argosy_engine::Shortfall;
use argosy_model::{Operator, Profile, Shape, State};
use sha2::{Digest, Sha256};

use super::world::{LoopSetup, World};
use crate::check::{Check, Report};
use crate::fleet::FleetSim;
use crate::leader::{Cycled, Leader};
use crate::trace::hex;

/// What one cycle did and left behind, over all shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CycleStats {
    /// Idle machines bound.
    pub bootstraps: u64,
    /// Machines bought.
    pub provisions: u64,
    /// Machines taken back.
    pub reclaims: u64,
    /// Machines taken for others.
    pub preempts: u64,
    /// Machines given up.
    pub deletes: u64,
    /// Configured machines after it.
    pub configured: u64,
    /// Bound pods after it.
    pub bound: u64,
    /// Waiting pods after it.
    pub pending: u64,
    /// All pods after it.
    pub live: u64,
    /// Pods that lost their machine.
    pub evicted: u64,
    /// Pods that found one.
    pub newly_bound: u64,
    /// Needs that are not covered and for which nothing is on its way.
    pub shortfalls: u64,
    /// Reclaimed machines that would have done for a need left short in the same cycle.
    pub reclaimed_though_wanted: u64,
}

impl CycleStats {
    /// All actions.
    pub fn churn(&self) -> u64 {
        self.bootstraps + self.provisions + self.reclaims + self.preempts + self.deletes
    }

    /// Machines acquired.
    pub fn acquisitions(&self) -> u64 {
        self.bootstraps + self.provisions
    }

    pub(super) fn of(fleet: &FleetSim, cycled: &Cycled) -> Self {
        let leader = &fleet.leaders()[cycled.shard];
        let mut stats = Self { configured: leader.count(State::Configured, None) as u64, ..Self::default() };
        for acted in &cycled.acted {
            match acted.kind {
                "Bootstrap" => stats.bootstraps += 1,
                "Provision" => stats.provisions += 1,
                "Reclaim" => stats.reclaims += 1,
                "Preempt" => stats.preempts += 1,
                _ => stats.deletes += 1,
            }
        }
        let short: Vec<&Shortfall> = cycled.decision.shortfalls().collect();
        stats.shortfalls = short.len() as u64;
        let reclaimed = cycled.acted.iter().filter(|acted| acted.kind == "Reclaim");
        let wanted = |id: &str| short.iter().any(|short| would_do(leader, id, short));
        stats.reclaimed_though_wanted = reclaimed.filter(|acted| wanted(&acted.machine)).count() as u64;
        stats
    }

    fn add(&mut self, other: &Self) {
        self.bootstraps += other.bootstraps;
        self.provisions += other.provisions;
        self.reclaims += other.reclaims;
        self.preempts += other.preempts;
        self.deletes += other.deletes;
        self.configured += other.configured;
        self.evicted += other.evicted;
        self.newly_bound += other.newly_bound;
        self.shortfalls += other.shortfalls;
        self.reclaimed_though_wanted += other.reclaimed_though_wanted;
        (self.bound, self.pending, self.live) = (other.bound, other.pending, other.live);
    }
}

/// Whether a machine meets the conditions of a short need and holds its indivisible piece.
fn would_do(leader: &Leader, id: &str, short: &Shortfall) -> bool {
    let state = leader.state();
    let Some(machine) = state.fleet().find(id).map(|ix| state.fleet().machine(ix)) else { return false };
    let words = &state.fleet().words;
    let shape: &Shape = words.shape_of(machine.shape);
    let profile: &Profile = words.profile_of(short.key.profile);
    let meets = profile.requirements().iter().all(|requirement| {
        let value = words.attribute(shape, requirement.key);
        match requirement.operator {
            Operator::In => value.is_some_and(|value| requirement.values.contains(&value)),
            Operator::NotIn => value.is_none_or(|value| !requirement.values.contains(&value)),
            Operator::Exists | Operator::Same => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    });
    let unit = short.rows.first().and_then(|key| state.demand().get(key)).map(|need| &need.min_unit);
    meets && unit.is_none_or(|unit| shape.resources.covers(unit))
}

/// What is counted while a world runs.
#[derive(Clone, Debug)]
pub(super) struct Book {
    stats: Vec<CycleStats>,
    /// Shards that have run the cycle that is being counted.
    shards: usize,
    open: usize,
    decisions: Sha256,
    pub(super) lost: u64,
}

impl Book {
    pub(super) fn new(shards: usize) -> Self {
        Self { stats: Vec::new(), shards, open: 0, decisions: Sha256::new(), lost: 0 }
    }

    pub(super) fn note(&mut self, cycled: &Cycled, stats: CycleStats) {
        for acted in &cycled.acted {
            self.decisions.update(format!("{} {} {}\n", cycled.number, acted.kind, acted.machine));
        }
        match self.stats.last_mut().filter(|_| self.open > 0) {
            Some(last) => last.add(&stats),
            None => self.stats.push(stats),
        }
        self.open = (self.open + 1) % self.shards;
    }

    /// Cycles that all shards have run.
    pub(super) fn cycles(&self) -> u64 {
        self.stats.len() as u64 - u64::from(self.open > 0)
    }
}

/// A closed loop that is over.
#[derive(Debug)]
pub struct LoopRun {
    /// Cycle by cycle, the first first.
    pub stats: Vec<CycleStats>,
    /// Each object in the end: name, live pods, bound pods.
    pub standing: Vec<(String, u64, u64)>,
    /// Machines that were lost to faults.
    pub lost: u64,
    /// The fleet in the end.
    pub fleet: FleetSim,
    decisions: String,
    /// Most entries that the world kept at any cycle's end.
    pub tables: usize,
}

impl LoopRun {
    /// Runs a world for so many cycles, or until a rule is broken.
    pub fn new(setup: &LoopSetup, cycles: u64) -> Self {
        let (mut world, mut fleet) = World::new(setup, cycles);
        fleet.run(u64::MAX, &mut world);
        let (standing, tables) = (world.standing(), world.table_sizes());
        let Book { stats, decisions, lost, .. } = world.book;
        Self { stats, standing, lost, fleet, decisions: hex(&decisions.finalize()), tables }
    }

    /// The report over these checks.
    pub fn report(&self, name: &str, checks: Vec<Check>) -> Report {
        Report::of(name, &self.fleet, checks, self.decisions.clone())
    }

    /// Hash over all actions, in order.
    pub fn decisions(&self) -> &str {
        &self.decisions
    }

    /// The last cycle.
    pub fn last(&self) -> CycleStats {
        self.stats.last().copied().unwrap_or_default()
    }

    /// The last `k` cycles.
    pub fn window(&self, k: usize) -> &[CycleStats] {
        &self.stats[self.stats.len().saturating_sub(k)..]
    }

    /// A sum over all cycles.
    pub fn total(&self, of: impl Fn(&CycleStats) -> u64) -> u64 {
        self.stats.iter().map(of).sum()
    }

    /// Nothing happened in the last `k` cycles, and so many needs stayed short in each of them.
    pub fn quiescent(&self, k: usize, shortfalls: u64) -> Vec<Check> {
        let window = self.window(k);
        let churn: u64 = window.iter().map(CycleStats::churn).sum();
        let short: std::collections::BTreeSet<u64> = window.iter().map(|stats| stats.shortfalls).collect();
        let want = std::collections::BTreeSet::from([shortfalls]);
        vec![
            Check::equal(format!("actions in the last {k} cycles"), 0, churn),
            Check::equal(format!("shortfalls in the last {k} cycles"), format!("{want:?}"), format!("{short:?}")),
        ]
    }

    /// At least 99 of 100 pods are bound, of so many.
    pub fn bound_of(&self, pods: u64) -> Vec<Check> {
        let last = self.last();
        vec![
            Check::equal("pods", pods, last.live),
            Check::holds("bound", format!("at least 99 % of {pods}"), last.bound, last.bound * 100 >= pods * 99),
        ]
    }

    /// The same positive number of needs stays short in the last `k` cycles, and nothing is done about it.
    pub fn stably_short(&self, k: usize) -> Vec<Check> {
        let first = self.window(k).first().map_or(0, |stats| stats.shortfalls);
        let mut checks = self.quiescent(k, first);
        checks.push(Check::at_least("shortfalls", 1, first));
        checks
    }
}
