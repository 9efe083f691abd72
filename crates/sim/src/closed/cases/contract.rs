//! What counts is what is bound, not what could be placed; and idle machines go back when their hold is over, once.

use argosy_model::{CapacityType, Duration, State};

use super::{Case, GI, LoopSetup, PodShape, Pool, SEED, ZONES, workload};
use crate::check::{Check, Report};
use crate::closed::world::amounts;
use crate::closed::{CycleStats, LoopRun, Scale};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "bound-counts",
            "what is covered in amounts is covered, though a pod finds no place: that is the cluster's problem",
            bound_counts,
        ),
        Case::new(
            "bound-counts-shrinkage",
            "when demand shrinks exactly what is too much goes back, in that cycle",
            shrinkage,
        ),
        Case::new(
            "idle-release-after-shrinkage",
            "what shrinkage frees is reclaimed, then given up where it costs",
            shrink_then_release,
        ),
        Case::new("idle-release-once", "elastic idle machines are given up once, and not bought again", released_once),
        Case::new("cost-routing", "what an interruption costs decides which machines a cluster buys", cost_routing),
    ]
}

/// Two clusters of twenty machines that small pods fill evenly, so that large pods find no room though the sum suffices.
fn packed() -> LoopSetup {
    let shape = |name, cpu, memory| {
        let shape = PodShape::new(name, &[("cpu", cpu), ("memory", memory * GI)]);
        shape.on(&["m6i.2xlarge"]).in_zones(&ZONES).terms(1_000, 1_024, 8_192)
    };
    let mut setup = LoopSetup::new(SEED, 2, vec![shape("filler", 1_000, 1), shape("big", 4_000, 2)]);
    setup.workloads = vec![workload(0, 1, 180), workload(1, 1, 5)];
    let pool = Pool::new(0, 10, (20, 12, 0));
    setup.pools = vec![Pool { resources: Some(amounts(&[("cpu", 10_000), ("memory", 10 * GI)])), ..pool }];
    setup
}

fn bound_counts(name: &str) -> Report {
    let run = LoopRun::new(&packed(), 60);
    let checks = vec![
        Check::equal("actions, ever", 0, run.total(CycleStats::churn)),
        Check::equal("shortfalls, ever", 0, run.total(|stats| stats.shortfalls)),
        Check::equal("evictions, ever", 0, run.total(|stats| stats.evicted)),
        Check::equal("bound", 360, run.last().bound),
        Check::equal("waiting", 10, run.last().pending),
    ];
    run.report(name, checks)
}

fn shrinkage(name: &str) -> Report {
    let mut setup = packed();
    setup.scales = vec![Scale { cycle: 31, shape: 0, replicas: 90 }];
    let run = LoopRun::new(&setup, 60);
    let before: u64 = run.stats[..30].iter().map(CycleStats::churn).sum();
    let after: u64 = run.window(24).iter().map(CycleStats::churn).sum();
    let checks = vec![
        Check::equal("actions before", 0, before),
        Check::equal("reclaims in cycle 31", 18, run.stats[30].reclaims),
        Check::equal("reclaims, ever", 18, run.total(|stats| stats.reclaims)),
        Check::equal("acquisitions, ever", 0, run.total(CycleStats::acquisitions)),
        Check::equal("shortfalls, ever", 0, run.total(|stats| stats.shortfalls)),
        Check::equal("configured", 22, run.last().configured),
        Check::equal("bound", 180, run.last().bound),
        Check::equal("waiting", 10, run.last().pending),
        Check::equal("actions in the last 24 cycles", 0, after),
    ];
    run.report(name, checks)
}

/// One cluster of whole-machine pods, and idle elastic machines that are given up at once.
fn released(idle_is_elastic: bool, supply: (u64, u64, u64), pods: u64) -> LoopSetup {
    let shape = PodShape::new("web", &[("cpu", 4_000)]).on(&["m6i.xlarge"]).terms(1_000, 64, 64);
    let mut setup = LoopSetup::new(SEED, 1, vec![shape]);
    setup.workloads = vec![workload(0, 1, pods)];
    setup.pools = vec![Pool { idle_is_elastic, ..Pool::new(0, 1, supply) }];
    let policy = &mut setup.fleet.settings.policy;
    (policy.hold_on_demand, policy.hold_spot) = (Duration(1), Duration(1));
    setup.stamped = true;
    setup
}

fn shrink_then_release(name: &str) -> Report {
    let mut setup = released(false, (12, 3, 9), 20);
    setup.scales = vec![Scale { cycle: 10, shape: 0, replicas: 12 }];
    let run = LoopRun::new(&setup, 40);
    let first = |of: fn(&CycleStats) -> u64| run.stats.iter().position(|stats| of(stats) > 0).map_or(0, |at| at + 1);
    let (reclaim, delete) = (first(|stats| stats.reclaims), first(|stats| stats.deletes));
    let mut checks = run.quiescent(15, 0);
    checks.extend([
        Check::equal("bootstraps", 3, run.total(|stats| stats.bootstraps)),
        Check::equal("provisions", 5, run.total(|stats| stats.provisions)),
        Check::equal("reclaims", 8, run.total(|stats| stats.reclaims)),
        Check::equal("deletes", 5, run.total(|stats| stats.deletes)),
        Check::at_least("first reclaim", 10, reclaim as u64),
        Check::holds("first delete", format!("after cycle {reclaim}"), delete, delete > reclaim),
        Check::equal("configured", 12, run.last().configured),
        Check::equal("bound", 12, run.last().bound),
    ]);
    run.report(name, checks)
}

fn released_once(name: &str) -> Report {
    let run = LoopRun::new(&released(true, (12, 6, 4), 12), 40);
    let mut checks = run.quiescent(20, 0);
    checks.extend([
        Check::equal("deletes", 6, run.total(|stats| stats.deletes)),
        Check::equal("all other actions", 6, run.total(CycleStats::churn)),
    ]);
    run.report(name, checks)
}

fn cost_routing(name: &str) -> Report {
    let shape = |name, dollars| PodShape::new(name, &[("cpu", 16_000)]).on(&["c6i.4xlarge"]).terms(1_000, dollars, 64);
    let mut setup = LoopSetup::new(SEED, 2, vec![shape("tolerant", 0), shape("sensitive", 8)]);
    setup.workloads = vec![workload(0, 1, 4), workload(1, 1, 4)];
    setup.left_out = vec![(0, 1), (1, 0)];
    setup.pools = vec![Pool { interruptible: 6, ..Pool::new(0, 1, (0, 0, 6)) }];
    let run = LoopRun::new(&setup, 20);
    let state = run.fleet.leaders()[0].state();
    let interruptions = |cluster: &str| {
        let machines = run.fleet.leaders()[0].configured(cluster);
        let shapes = machines.into_iter().map(|ix| state.fleet().words.shape_of(state.fleet().machine(ix).shape));
        shapes.map(|shape| shape.interruption.0 / 10_000_000).collect::<Vec<_>>()
    };
    let all_on_demand = state
        .fleet()
        .iter()
        .all(|(_, machine)| state.fleet().words.shape_of(machine.shape).capacity_type == CapacityType::OnDemand);
    let mut checks = run.quiescent(10, 0);
    checks.extend([
        Check::equal("bound", 8, run.last().bound),
        Check::equal(
            "percent interrupted in an hour, of the tolerant",
            "[30, 30, 30, 30]",
            format!("{:?}", interruptions("cl-0")),
        ),
        Check::equal("of the sensitive", "[5, 5, 5, 5]", format!("{:?}", interruptions("cl-1"))),
        Check::equal("one capacity type", true, all_on_demand),
        Check::equal("slots left", 4, run.fleet.leaders()[0].count(State::Speculative, None)),
    ]);
    run.report(name, checks)
}
