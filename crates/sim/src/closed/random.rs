//! Random worlds: drawn from a seed, run under the reference engine, left alone, and expected to come to rest.
//!
//! A draft is plain data, so that a failing one can be reduced while it still fails in the same way, and kept. In the first
//! part of a run everything happens: machines are lost, calls fail, leaders change, demand moves. Then it all stops, what is
//! broken is repaired, and within a bound nothing may be decided any more: what goes on then goes on for ever.

use std::fmt;

use argosy_model::Duration;
use argosy_workload::dice::Dice;
use serde::{Deserialize, Serialize};

use super::schedule::{Discipline, Packing};
use super::world::{Arrivals, Fault, LoopSetup, Scale, Workload};
use super::{CycleStats, LoopRun, PodShape, Pool, Scope};
use crate::check::{Check, Report};
use crate::cloud::{Dwell, Dwells, Faults};
use crate::fleet::ShardSetup;
use crate::leader::Scrutiny;

/// Cycles in which things happen, cycles to come to rest in, and the last of those, which must be quiet.
const RESTLESS: u64 = 40;
const CALM: u64 = 80;
const QUIET: usize = 15;

/// A random world as plain data. Numbers are taken modulo what there is, so that any draft means something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Seed of what the run itself draws.
    pub seed: u64,
    /// Clusters.
    pub clusters: u8,
    /// Shards: one, or one for each of two or three zones.
    pub shards: u8,
    /// What runs: (shape, objects, replicas).
    pub workloads: Vec<(u8, u8, u8)>,
    /// What there is: (shape, pods a machine holds, configured for each cluster, idle, speculative, racks in blocks of).
    pub pools: Vec<(u8, u8, u8, u8, u8, u8)>,
    /// Jobs that come and go: (shape, mean gap in cycles, mean life in cycles, most pods).
    pub jobs: Vec<(u8, u8, u8, u8)>,
    /// Changes: (cycle, shape, replicas).
    pub scales: Vec<(u8, u8, u8)>,
    /// Losses: (cycle, cluster, machines).
    pub faults: Vec<(u8, u8, u8)>,
    /// New leaders: (cycle, shard).
    pub leaders: Vec<(u8, u8)>,
    /// Cycles to create and to configure.
    pub dwell: (u8, u8),
    /// Chances in percent: lost calls, lost answers, throttling, failing steps.
    pub luck: [u8; 4],
    /// Whether machines carry what they were bound for; whether pods pack; whether priority counts inside a cluster.
    pub habits: [bool; 3],
}

/// Kinds of pods that drafts speak of, by number.
fn shapes() -> Vec<PodShape> {
    let cpu = |name, milli| PodShape::new(name, &[("cpu", milli)]);
    vec![
        cpu("web", 1_000).terms(1_000, 64, 64),
        cpu("batch", 2_000).terms(100, 0, 0),
        cpu("critical", 2_000).terms(1_000_000, 65_536, 65_536),
        cpu("spread", 2_000).on(&["c"]).terms(1_000, 64, 64).spread(1),
        PodShape::new("rack-gang", &[("gpu", 8)]).on(&["g"]).terms(5_000, 8_192, 65_536).gang(Scope::Rack),
        PodShape::new("zone-gang", &[("gpu", 8)]).on(&["g"]).terms(4_000, 8_192, 65_536).gang(Scope::Zone),
        PodShape::new("small-gang", &[("cpu", 500)]).on(&["c"]).terms(900, 8, 8).gang(Scope::Rack),
    ]
}

impl Draft {
    /// The draft of a number in a campaign.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, &format!("draft/{number}"));
        let kinds = shapes().len() as u64;
        let mut byte = |most: u64| u8::try_from(dice.below(most + 1)).expect("a small number");
        let mut few = |most: u64| (0..byte(most)).map(|_| ()).collect::<Vec<()>>();
        let [workloads, jobs, scales, faults, leaders] = [4, 1, 3, 4, 2].map(&mut few);
        let workloads: Vec<(u8, u8, u8)> =
            workloads.iter().map(|()| (byte(kinds - 1), 1 + byte(2), 1 + byte(7))).collect();
        let of_workloads = workloads.clone();
        let pools = of_workloads.iter().map(|(shape, _, _)| (*shape, 1 + byte(3), byte(6), byte(6), byte(10), byte(4)));
        let pools = pools.collect();
        Self {
            seed: number,
            clusters: 1 + byte(2),
            shards: 1 + byte(2),
            pools,
            jobs: jobs.iter().map(|()| (byte(kinds - 1), 2 + byte(8), 2 + byte(20), 1 + byte(5))).collect(),
            scales: scales.iter().map(|()| (1 + byte(35), byte(kinds - 1), byte(9))).collect(),
            faults: faults.iter().map(|()| (1 + byte(35), byte(2), 1 + byte(2))).collect(),
            leaders: leaders.iter().map(|()| (1 + byte(60), byte(2))).collect(),
            dwell: (byte(4), byte(4)),
            luck: [byte(10), byte(10), byte(10), byte(10)].map(|chance| chance.saturating_sub(6)),
            habits: [byte(1) == 1, byte(1) == 1, byte(1) == 1],
            workloads,
        }
    }

    /// The world it speaks of.
    pub fn setup(&self) -> LoopSetup {
        let shapes = shapes();
        let shape = |number: u8| usize::from(number) % shapes.len();
        let clusters = usize::from(self.clusters.clamp(1, 3));
        let mut setup = LoopSetup::new(self.seed, clusters, shapes.clone());
        setup.workloads = self
            .workloads
            .iter()
            .map(|(kind, objects, replicas)| Workload {
                shape: shape(*kind),
                objects: u64::from(*objects),
                replicas: u64::from(*replicas),
            })
            .collect();
        setup.pools = self.pools.iter().map(|pool| self.pool(&shapes, *pool)).collect();
        let mut seen = std::collections::BTreeSet::new();
        setup.pools.retain(|pool| seen.insert(pool.shape));
        let cycle_ms = setup.fleet.cycle_ms;
        setup.arrivals = self
            .jobs
            .iter()
            .map(|(kind, gap, life, most)| Arrivals {
                shape: shape(*kind),
                mean_gap_ms: u64::from(*gap).max(1) * cycle_ms,
                mean_life_ms: u64::from(*life) * cycle_ms,
                replicas: (1, u64::from(*most).max(1)),
                until_ms: RESTLESS * cycle_ms,
            })
            .collect();
        setup.scales = self
            .scales
            .iter()
            .map(|(cycle, kind, replicas)| Scale {
                cycle: u64::from(*cycle),
                shape: shape(*kind),
                replicas: u64::from(*replicas),
            })
            .collect();
        setup.faults = self
            .faults
            .iter()
            .map(|(cycle, cluster, count)| Fault {
                cycle: u64::from(*cycle),
                cluster: usize::from(*cluster) % clusters,
                count: usize::from(*count),
            })
            .collect();
        let zones = usize::from(self.shards.clamp(1, 3));
        setup.leaders =
            self.leaders.iter().map(|(cycle, shard)| (u64::from(*cycle), usize::from(*shard) % zones)).collect();
        self.fleet(&mut setup);
        setup
    }

    fn pool(
        &self,
        shapes: &[PodShape],
        (kind, density, configured, idle, speculative, block): (u8, u8, u8, u8, u8, u8),
    ) -> Pool {
        let shape = usize::from(kind) % shapes.len();
        let is_gpu = shapes[shape].resources.get("gpu") > 0;
        let density = if is_gpu { 1 } else { u64::from(density).max(1) };
        let supply = (u64::from(configured), u64::from(idle), u64::from(speculative));
        let pool = Pool::new(shape, density, supply).of_type(if is_gpu { "g" } else { "c" });
        pool.racks((block > 0).then_some(u64::from(block)), 4)
    }

    fn fleet(&self, setup: &mut LoopSetup) {
        let cycle_ms = setup.fleet.cycle_ms;
        let zones = ["zone-a", "zone-b", "zone-c"];
        let shards = usize::from(self.shards.clamp(1, 3));
        if shards > 1 {
            let zones_of = |shard: usize| zones.iter().skip(shard).step_by(shards).map(|zone| (*zone).to_owned());
            let shard = |number| ShardSetup { name: format!("s{number}"), zones: zones_of(number).collect() };
            setup.fleet.shards = (0..shards).map(shard).collect();
        }
        let dwell = |cycles: u8| match cycles {
            0 => Dwell::Fixed(0),
            1 | 2 => Dwell::Fixed(u64::from(cycles) * cycle_ms),
            cycles => Dwell::Exponential { mean_ms: u64::from(cycles) * cycle_ms, most_ms: 12 * cycle_ms },
        };
        let (create, configure) = (dwell(self.dwell.0), dwell(self.dwell.1));
        setup.fleet.dwells = Dwells { create, configure, drain: configure, delete: create };
        let ppm = |percent: u8| u32::from(percent) * 10_000;
        let [lost_call, lost_answer, throttle, failure] = self.luck.map(ppm);
        setup.luck = Faults {
            lost_call_ppm: lost_call,
            lost_answer_ppm: lost_answer,
            throttle_ppm: throttle,
            failure_ppm: [failure; 4],
            repair_ms: Some(6 * cycle_ms),
            return_ms: Some(9 * cycle_ms),
            ..Faults::default()
        };
        setup.lucky_from = RESTLESS;
        [setup.stamped, setup.in_turn] = [self.habits[0]; 2];
        let packing = if self.habits[1] { Packing::Pack } else { Packing::Spread };
        setup.discipline = Discipline { packing, priority_inside: self.habits[2] };
        setup.fleet.scrutiny = Scrutiny { reference: true, every_machine: true };
        let (policy, limits) = (&mut setup.fleet.settings.policy, &mut setup.fleet.settings.limits);
        (policy.hold_on_demand, policy.hold_spot) = (Duration::from_secs(120), Duration::from_secs(30));
        (policy.assemble_within, policy.retreat_for) = (Duration::from_secs(100), Duration::NEVER);
        (policy.park_after, policy.probe_every) = (Duration::from_secs(50), Duration::from_secs(100));
        (limits.cooling_base, limits.cooling_cap) = (Duration::from_secs(10), Duration::from_secs(40));
    }

    /// Runs it, and says what was wrong with it.
    ///
    /// # Errors
    /// A rule that was broken, or actions in cycles in which nothing ought to happen any more.
    pub fn run(&self) -> Result<LoopRun, Wrong> {
        let run = LoopRun::new(&self.setup(), RESTLESS + CALM);
        if let Some(first) = run.fleet.broken().into_iter().next() {
            return Err(Wrong::Broken(first));
        }
        let churn: u64 = run.window(QUIET).iter().map(CycleStats::churn).sum();
        if churn > 0 {
            return Err(Wrong::Restless { actions: churn });
        }
        Ok(run)
    }
}

/// Runs the worlds of a campaign, and reports on them as one.
pub fn campaign(name: &str, seed: u64, worlds: u64) -> Report {
    let reports = (0..worlds).map(|number| {
        let draft = Draft::new(seed, number);
        let run = LoopRun::new(&draft.setup(), RESTLESS + CALM);
        let churn: u64 = run.window(QUIET).iter().map(CycleStats::churn).sum();
        run.report(name, vec![Check::equal(format!("world {number}: actions when all is calm"), 0, churn)])
    });
    Report::all(reports)
}

/// What was wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A rule was broken.
    Broken(String),
    /// It does not come to rest.
    Restless {
        /// Actions in the last cycles.
        actions: u64,
    },
}

impl Wrong {
    /// Whether another run failed in the same way.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            // After moment and shard, the rule begins a text of its own.
            (Self::Broken(one), Self::Broken(two)) => kind(one) == kind(two),
            (Self::Restless { .. }, Self::Restless { .. }) => true,
            _ => false,
        }
    }
}

/// The first words of a broken rule, without moment, shard and machine.
fn kind(text: &str) -> String {
    let rule = text.split_once(": ").map_or(text, |(_, rule)| rule);
    rule.chars().filter(|c| !c.is_ascii_digit()).take(24).collect()
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(rule) => write!(f, "broken: {rule}"),
            Self::Restless { actions } => {
                write!(f, "{actions} actions in the last {QUIET} cycles, though nothing happens any more")
            }
        }
    }
}

/// Reduces a draft that fails, as long as `fails` says that it still does.
pub fn shrink(mut draft: Draft, fails: impl Fn(&Draft) -> bool) -> Draft {
    loop {
        let before = draft.clone();
        for candidate in smaller(&draft.clone()) {
            // Candidates are made from one draft; those that no longer shrink the present one are passed over.
            if weight(&candidate) < weight(&draft) && fails(&candidate) {
                draft = candidate;
                break;
            }
        }
        if draft == before {
            return draft;
        }
    }
}

/// How much there is to a draft.
fn weight(draft: &Draft) -> u64 {
    serde_json::to_value(draft).map_or(0, |value| sum(&value))
}

fn sum(value: &serde_json::Value) -> u64 {
    match value {
        serde_json::Value::Array(list) => 10 + list.iter().map(sum).sum::<u64>(),
        serde_json::Value::Object(map) => {
            map.iter().filter(|(key, _)| *key != "seed").map(|(_, value)| sum(value)).sum()
        }
        serde_json::Value::Number(number) => number.as_u64().unwrap_or(0),
        serde_json::Value::Bool(is_set) => u64::from(*is_set),
        _ => 0,
    }
}

/// Drafts with a part less, or a number lower.
fn smaller(draft: &Draft) -> Vec<Draft> {
    let mut found = Vec::new();
    let mut with = |change: &dyn Fn(&mut Draft)| {
        let mut candidate = draft.clone();
        change(&mut candidate);
        found.push(candidate);
    };
    for at in 0..draft.workloads.len() {
        with(&|draft| _ = draft.workloads.remove(at));
        with(&|draft| draft.workloads[at].1 /= 2);
        with(&|draft| draft.workloads[at].2 -= draft.workloads[at].2.min(1));
    }
    for at in 0..draft.pools.len() {
        with(&|draft| _ = draft.pools.remove(at));
        with(&|draft| draft.pools[at].2 -= draft.pools[at].2.min(1));
        with(&|draft| draft.pools[at].3 -= draft.pools[at].3.min(1));
        with(&|draft| draft.pools[at].4 -= draft.pools[at].4.min(1));
        with(&|draft| draft.pools[at].5 = 0);
    }
    (0..draft.jobs.len()).for_each(|at| with(&|draft| _ = draft.jobs.remove(at)));
    (0..draft.scales.len()).for_each(|at| with(&|draft| _ = draft.scales.remove(at)));
    (0..draft.faults.len()).for_each(|at| with(&|draft| _ = draft.faults.remove(at)));
    (0..draft.leaders.len()).for_each(|at| with(&|draft| _ = draft.leaders.remove(at)));
    with(&|draft| draft.clusters = 1);
    with(&|draft| draft.shards = 1);
    with(&|draft| draft.dwell = (0, 0));
    with(&|draft| draft.dwell.0 -= draft.dwell.0.min(1));
    with(&|draft| draft.dwell.1 -= draft.dwell.1.min(1));
    (0..4).for_each(|at| with(&|draft| draft.luck[at] = 0));
    (0..3).for_each(|at| with(&|draft| draft.habits[at] = false));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_draws_the_same_world_and_another_one_another() {
        assert_eq!(Draft::new(1, 7), Draft::new(1, 7));
        assert_ne!(Draft::new(1, 7), Draft::new(1, 8));
    }

    #[test]
    fn shrinking_keeps_what_makes_a_draft_fail_and_nothing_else() {
        let draft = (0..).map(|number| Draft::new(3, number)).find(|draft| draft.faults.len() > 1).unwrap();
        let least = shrink(draft, |draft| !draft.faults.is_empty());
        assert_eq!((least.faults.len(), least.workloads.len(), least.pools.len(), least.shards), (1, 0, 0, 1));
    }
}
