//! Gangs that cannot be, and must not make the fleet restless.

use super::{Case, GANG, LoopSetup, Pool, SEED, fixture, gang, gpu_pod, service, tiny, workload};
use crate::check::{Check, Report};
use crate::closed::{CycleStats, LoopRun, Scope};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "gangs-on-scattered-machines",
            "gangs whose machines lie one to a rack stay short, and nothing moves",
            scattered,
        ),
        Case::new("gang-too-large", "a gang that no rack holds is short for ever; all others are served", too_large),
        Case::new("oversized-gangs-park", "gangs larger than any rack's free machines park without churn", oversized),
        Case::new(
            "supply-exhaustion-canary",
            "with fewer machines than pods all are used, the rest waits, nothing is tried again",
            exhausted,
        ),
        Case::new(
            "incumbency-blocks",
            "a surplus of gang machines goes back once; slow machines, racks of blocks",
            |name| incumbency(name, Some(3), 12, 2),
        ),
        Case::new("incumbency-scattered", "the same over two racks of a zone", |name| incumbency(name, None, 2, 2)),
        Case::new("incumbency-slower", "the same, slower", |name| incumbency(name, None, 2, 3)),
        Case::new(
            "fixed-point-sweep",
            "twelve mixes of rack gangs and zone gangs on one instance type come to rest at any pace",
            sweep,
        ),
    ]
}

fn scattered(name: &str) -> Report {
    let run = LoopRun::new(&fixture(20, 5, Some((12, None))), 300);
    let mut checks = run.stably_short(100);
    checks.push(Check::equal(
        "reclaimed though wanted, in the last 100 cycles",
        0,
        run.window(100).iter().map(|stats| stats.reclaimed_though_wanted).sum::<u64>(),
    ));
    run.report(name, checks)
}

fn too_large(name: &str) -> Report {
    let mut setup = LoopSetup::new(SEED, 2, vec![tiny(), service(), gang()]);
    setup.workloads = vec![workload(0, 1, 200), workload(1, 1, 50), workload(GANG, 2, 4), workload(GANG, 1, 8)];
    setup.pools = vec![
        Pool::new(0, 10, (20, 3, 2)),
        Pool::new(1, 10, (5, 2, 2)),
        Pool::new(GANG, 1, (16, 4, 4)).racks(Some(4), 4),
    ];
    setup.stamped = true;
    let run = LoopRun::new(&setup, 300);
    let mut checks = run.stably_short(100);
    for (object, live, bound) in &run.standing {
        match *live {
            8 => checks.push(Check::at_most(format!("bound of {object}"), 4, *bound)),
            live => checks.push(Check::equal(format!("bound of {object}"), live, bound)),
        }
    }
    run.report(name, checks)
}

fn oversized(name: &str) -> Report {
    let mut setup = LoopSetup::new(SEED, 2, vec![gpu_pod("gang").gang(Scope::Rack)]);
    setup.workloads = vec![workload(0, 3, 12)];
    setup.pools = vec![Pool::new(0, 1, (0, 40, 40)).racks(Some(4), 12)];
    let run = LoopRun::new(&setup, 120);
    run.report(name, run.stably_short(40))
}

fn exhausted(name: &str) -> Report {
    let decoy = |name, kind| super::PodShape::new(name, &[("cpu", 1_000)]).on(&[kind]);
    let shapes = vec![
        gpu_pod("gpu"),
        decoy("decoy-m", "m6i.large"),
        decoy("decoy-c", "c6i.4xlarge"),
        decoy("decoy-r", "r6i.xlarge"),
    ];
    let mut setup = LoopSetup::new(SEED, 2, shapes);
    setup.workloads = vec![workload(0, 1, 16)];
    setup.pools = vec![Pool::new(0, 1, (12, 2, 2))];
    setup.pools.extend((1..4).map(|shape| Pool::new(shape, 10, (0, 8, 8))));
    let run = LoopRun::new(&setup, 60);
    let mut checks = run.stably_short(30);
    checks.push(Check::equal("bound", 28, run.last().bound));
    checks.push(Check::equal("waiting", 4, run.last().pending));
    checks.push(Check::equal(
        "bootstraps in the last 30 cycles",
        0,
        run.window(30).iter().map(|stats| stats.bootstraps).sum::<u64>(),
    ));
    run.report(name, checks)
}

fn incumbency(name: &str, block: Option<u64>, racks: u64, dwell: u64) -> Report {
    let mut setup = LoopSetup::new(SEED, 2, vec![gpu_pod("gang").gang(Scope::Rack)]);
    setup.workloads = vec![workload(0, 6, 3)];
    setup.pools = vec![Pool::new(0, 1, (24, 24, 48)).racks(block, racks)];
    super::dwell::slow(&mut setup, 0, dwell);
    (setup.in_turn, setup.stamped) = (true, true);
    let run = LoopRun::new(&setup, 120);
    let mut checks = run.quiescent(60, 0);
    checks.extend(run.bound_of(36));
    checks.push(Check::equal(
        "surplus given back",
        12,
        run.total(|stats| stats.reclaims) - run.total(CycleStats::acquisitions),
    ));
    run.report(name, checks)
}

/// One mix of the sweep: rack gangs (objects, pods), zone gangs, machines of each cluster, idle, speculative, block, racks, cycles
/// that a machine takes.
type Mix = ((u64, u64), (u64, u64), (u64, u64, u64), Option<u64>, u64, u64);

const MIXES: [(&str, Mix); 12] = [
    ("base", ((4, 3), (2, 5), (22, 18, 36), Some(3), 12, 2)),
    ("mismatch", ((4, 3), (2, 5), (22, 18, 36), Some(4), 12, 2)),
    ("nontiling", ((3, 5), (2, 7), (29, 20, 40), Some(7), 12, 2)),
    ("mediumfirst", ((2, 3), (4, 6), (30, 20, 40), Some(3), 12, 2)),
    ("manyracks", ((4, 3), (2, 5), (22, 18, 36), None, 40, 2)),
    ("tightpool", ((4, 3), (2, 5), (22, 2, 2), Some(3), 12, 2)),
    ("bigpool", ((4, 3), (2, 5), (22, 96, 240), Some(3), 12, 2)),
    ("field", ((9, 4), (5, 10), (40, 96, 401), Some(4), 12, 2)),
    ("field-slow", ((9, 4), (5, 10), (60, 96, 401), Some(4), 12, 5)),
    ("base-slow", ((4, 3), (2, 5), (22, 18, 36), Some(3), 12, 5)),
    ("fieldscale", ((9, 4), (4, 13), (60, 144, 601), Some(4), 12, 2)),
    ("fieldscale-instant", ((9, 4), (4, 13), (60, 144, 601), Some(4), 12, 0)),
];

fn sweep(name: &str) -> Report {
    let arms = MIXES.into_iter().map(|(mix, (small, medium, supply, block, racks, dwell))| {
        let shapes = vec![gpu_pod("small").gang(Scope::Rack), gpu_pod("medium").gang(Scope::Zone)];
        let mut setup = LoopSetup::new(SEED, 2, shapes);
        setup.workloads = vec![workload(0, small.0, small.1), workload(1, medium.0, medium.1)];
        setup.pools = vec![Pool::new(0, 1, supply).racks(block, racks)];
        super::dwell::slow(&mut setup, 0, dwell);
        setup.in_turn = true;
        let run = LoopRun::new(&setup, 120);
        let window = run.window(60);
        let churn = window.iter().map(CycleStats::churn).sum::<u64>();
        let checks = vec![
            Check::equal(format!("{mix}: actions in the last 60 cycles"), 0, churn),
            Check::equal(
                format!("{mix}: reclaimed though wanted in the last 60 cycles"),
                0,
                window.iter().map(|stats| stats.reclaimed_though_wanted).sum::<u64>(),
            ),
        ];
        run.report(name, checks)
    });
    Report::all(arms)
}
