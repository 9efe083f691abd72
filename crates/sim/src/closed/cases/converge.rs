//! Coming to rest, and staying there; and the two ways in which a model without conserved demand never does.

use super::{Case, GI, LoopSetup, MI, PodShape, Pool, SEED, Scope, ZONES, fixture, workload};
use crate::check::{Check, Report};
use crate::closed::pods::Reported;
use crate::closed::{CycleStats, LoopRun};
use crate::leader::Scrutiny;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "steady-state-converges",
            "a small surplus and a small lack are evened out, then nothing moves",
            steady,
        ),
        Case::new(
            "bare-pods-canary",
            "pods that nobody recreates vanish with their machines, cycle after cycle",
            bare_broken,
        ),
        Case::new("bare-pods-fixed", "the same with controllers: nothing is lost and nothing moves", bare_fixed),
        Case::new(
            "pending-only-canary",
            "a report of waiting pods only makes what serves look like surplus",
            pending_broken,
        ),
        Case::new("pending-only-fixed", "the same with every pod reported: nothing moves", pending_fixed),
        Case::new(
            "sub-machine-gangs",
            "gangs smaller than a machine fold into one row, and the ledger matches the pods",
            sub_machine,
        ),
        Case::new(
            "high-cardinality-short",
            "2,580 needs, nearly all of them gangs, over 21,060 machines; 60 cycles",
            short_uber,
        ),
        Case::new("high-cardinality", "the same for 300 cycles", long_uber).heavy(),
    ]
}

fn steady(name: &str) -> Report {
    let run = LoopRun::new(&fixture(22, 4, Some((12, Some(4)))), 300);
    let mut checks = run.quiescent(100, 0);
    checks.push(Check::equal("configured", 74, run.last().configured));
    checks.extend(run.bound_of(524));
    run.report(name, checks)
}

fn bare(controllers: bool) -> LoopRun {
    LoopRun::new(&LoopSetup { controllers, ..fixture(23, 5, None) }, 80)
}

fn bare_broken(name: &str) -> Report {
    let run = bare(false);
    let checks = vec![
        Check::at_least("pods destroyed of 500", 120, 500 - run.last().live),
        Check::at_least("reclaims", 13, run.total(|stats| stats.reclaims)),
        Check::at_least("cycles with reclaims", 5, run.stats.iter().filter(|stats| stats.reclaims > 0).count() as u64),
    ];
    run.report(name, checks)
}

fn bare_fixed(name: &str) -> Report {
    let run = bare(true);
    let mut checks = run.quiescent(40, 0);
    checks.push(Check::equal("pods", 500, run.last().live));
    run.report(name, checks)
}

fn pending(reported: Reported) -> LoopRun {
    LoopRun::new(&LoopSetup { reported, ..fixture(20, 5, None) }, 120)
}

fn pending_broken(name: &str) -> Report {
    let run = pending(Reported::PendingPods);
    let of = |count: fn(&CycleStats) -> u64| run.window(60).iter().map(count).sum::<u64>();
    let checks = vec![
        Check::at_least("reclaims in the last 60 cycles", 100, of(|stats| stats.reclaims)),
        Check::at_least("acquisitions in the last 60 cycles", 100, of(CycleStats::acquisitions)),
    ];
    run.report(name, checks)
}

fn pending_fixed(name: &str) -> Report {
    let run = pending(Reported::EveryPod);
    run.report(name, run.quiescent(60, 0))
}

fn sub_machine(name: &str) -> Report {
    let mut setup = fixture(20, 5, None);
    let small = PodShape::new("smallgang", &[("cpu", 2_000), ("memory", 16 * GI)]);
    setup.shapes.push(small.on(&["r6i.2xlarge"]).in_zones(&ZONES).terms(1_000, 4_096, 32_768).gang(Scope::Rack));
    setup.workloads.push(workload(3, 12, 4));
    setup.pools.push(Pool::new(3, 10, (6, 2, 2)).racks(Some(2), 4));
    let run = LoopRun::new(&setup, 300);
    let mut checks = run.quiescent(100, 0);
    checks.extend(run.bound_of(596));
    checks.push(Check::equal("reclaimed though wanted, ever", 0, run.total(|stats| stats.reclaimed_though_wanted)));
    run.report(name, checks)
}

/// Twenty clusters as large ones are: two rows of plain pods, 95 gangs of a cache and 32 of training in each.
fn uber() -> LoopSetup {
    let shapes = vec![
        PodShape::new("tiny", &[("cpu", 400), ("memory", 500 * MI)])
            .on(&["m6i.large", "m6i.xlarge"])
            .terms(100, 32, 64),
        PodShape::new("service", &[("cpu", 2_200), ("memory", 8_500 * MI)])
            .on(&["m6i.xlarge"])
            .terms(1_000, 1_024, 8_192),
        PodShape::new("memcache", &[("cpu", 4_000), ("memory", 32 * GI)])
            .on(&["r6i.2xlarge"])
            .terms(1_000, 4_096, 16_384)
            .gang(Scope::Rack),
        PodShape::new("gpu", &[("cpu", 64_000), ("nvidia.com/gpu", 8)])
            .on(&["a3-highgpu-8g"])
            .terms(1_000, 16_384, 32_768)
            .gang(Scope::Rack),
    ];
    let mut setup = LoopSetup::new(SEED, 20, shapes);
    setup.fleet.scrutiny = Scrutiny { reference: false, every_machine: false };
    // Tiny pods may run on the service's machines: its scheduler serves the higher priority first, as schedulers do.
    setup.discipline.priority_inside = true;
    setup.workloads = vec![workload(0, 1, 1_750), workload(1, 1, 300), workload(2, 95, 4), workload(3, 32, 5)];
    setup.pools = vec![
        Pool::new(0, 10, (175, 333, 4_000)).racks(None, 40),
        Pool::new(1, 10, (30, 0, 0)).racks(None, 40),
        Pool::new(2, 10, (38, 333, 4_000)).racks(Some(2), 40),
        Pool::new(3, 1, (160, 334, 4_000)).racks(Some(5), 400),
    ];
    setup
}

fn short_uber(name: &str) -> Report {
    uber_run(name, 60, 20)
}

fn long_uber(name: &str) -> Report {
    uber_run(name, 300, 100)
}

fn uber_run(name: &str, cycles: u64, k: usize) -> Report {
    let run = LoopRun::new(&uber(), cycles);
    let mut checks = run.quiescent(k, 0);
    checks.extend(run.bound_of(51_800));
    let needs = run.fleet.leaders()[0].state().demand().len();
    checks.push(Check::equal("needs", 2_580, needs));
    run.report(name, checks)
}
