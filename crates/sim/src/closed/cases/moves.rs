//! Needs that move to cheaper machines, with pods, schedulers and a cloud that takes its time.

use argosy_model::State;
use argosy_pool::ConsolidationPolicy;

use super::dwell::slow;
use super::{Case, GI, LoopSetup, PodShape, Pool, SEED, workload};
use crate::check::{Check, Report};
use crate::closed::{CycleStats, LoopRun};

/// One machine of each cluster in two minutes.
const POLICY: &str = "version: 1
consolidation: {enabled: true, budgets: [{per: cluster, moves: 1, within: 2m}]}
";
/// Machines that the pods need.
const NEEDED: u64 = 10;
/// Pods on one machine.
const DENSITY: u64 = 10;
/// Cycles after which all pods have their first machines.
const BEGUN: usize = 20;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "dear-machines-stay",
            "what the pods run on is dearer than what is free; nobody moves unless that is allowed",
            stay,
        ),
        Case::new(
            "moves-to-cheaper-machines",
            "machine after machine is replaced by a cheaper one, within the budget; every pod moves once, and all comes to rest",
            moves,
        ),
    ]
}

/// Two clusters on dear machines that were idle when they came, and cheap ones to be had.
fn dear() -> LoopSetup {
    let batch = PodShape::new("batch", &[("cpu", 1_000), ("memory", 4 * GI)]).terms(100, 1, 0);
    let mut setup = LoopSetup::new(SEED, 2, vec![batch]);
    setup.workloads = vec![workload(0, 1, NEEDED * DENSITY / 2)];
    let pool = Pool::new(0, DENSITY, (0, NEEDED, 0));
    setup.pools = vec![Pool { idle_is_elastic: true, interruptible: 3 * NEEDED, ..pool }];
    slow(&mut setup, 4, 2);
    setup
}

/// What all that serves costs in an hour, in cents.
fn bill(run: &LoopRun) -> u64 {
    let fleet = run.fleet.leaders()[0].state().fleet();
    let serving = fleet.iter().filter(|(_, machine)| machine.state == State::Configured);
    serving.map(|(_, machine)| fleet.words.shape_of(machine.shape).price.0 / 10_000).sum()
}

fn stay(name: &str) -> Report {
    let run = LoopRun::new(&dear(), 120);
    let mut checks = run.quiescent(60, 0);
    checks.push(Check::equal("cents an hour", 100 * NEEDED, bill(&run)));
    run.report(name, checks)
}

fn moves(name: &str) -> Report {
    let policy = ConsolidationPolicy::parse("consolidation", POLICY).expect("it is sound");
    let run = LoopRun::new(&LoopSetup { consolidation: Some(policy), ..dear() }, 300);
    let after = &run.stats[BEGUN..];
    let most = |of: fn(&CycleStats) -> u64| after.iter().map(of).max().unwrap_or(0);
    let fewest = after.iter().map(|stats| stats.configured).min().unwrap_or(0);
    let mut checks = run.quiescent(60, 0);
    checks.extend(run.bound_of(NEEDED * DENSITY));
    checks.extend([
        Check::equal("cents an hour", 30 * NEEDED, bill(&run)),
        Check::equal("machines bought", NEEDED, run.total(|stats| stats.provisions)),
        Check::equal("machines taken back", NEEDED, run.total(|stats| stats.reclaims)),
        Check::equal("fewest machines that served", NEEDED, fewest),
        Check::equal("most machines bought in a cycle", 2, most(|stats| stats.provisions)),
        Check::equal("pods that moved", NEEDED * DENSITY, run.total(|stats| stats.evicted)),
    ]);
    run.report(name, checks)
}
