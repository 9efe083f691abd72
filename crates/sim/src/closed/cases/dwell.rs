//! Machines take their time. What is on its way counts, so each loss is made good once, at any pace.

use super::{Case, LoopSetup, Pool, SEED, gpu_pod, workload};
use crate::check::{Check, Report};
use crate::closed::{CycleStats, Fault, LoopRun, Scope};
use crate::cloud::Dwell;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("gang-dwell-fixed-point", "gangs of slow machines at rest stay at rest", fixed_point),
        Case::new(
            "gang-dwell-model",
            "the model is real: slow machines are not there in the cycle that asked for them",
            engages,
        ),
        Case::new(
            "one-loss-one-acquisition",
            "a gang that loses one machine gets one, however long it takes",
            one_loss,
        ),
        Case::new(
            "repeated-losses",
            "a machine lost every few cycles: no more acquisitions than losses, and no more is given back",
            repeated,
        ),
        Case::new("burst-of-losses", "four of seven machines lost at once: four are bought, none goes back", burst),
    ]
}

/// Creating takes so many cycles, configuring so many.
pub(super) fn slow(setup: &mut LoopSetup, create: u64, configure: u64) {
    let cycle_ms = setup.fleet.cycle_ms;
    setup.fleet.dwells.create = Dwell::Fixed(create * cycle_ms);
    setup.fleet.dwells.configure = Dwell::Fixed(configure * cycle_ms);
}

fn gangs(supply: (u64, u64, u64), objects: u64, replicas: u64, (block, racks): (u64, u64)) -> LoopSetup {
    let mut setup = LoopSetup::new(SEED, 2, vec![gpu_pod("gang").gang(Scope::Rack)]);
    setup.workloads = vec![workload(0, objects, replicas)];
    setup.pools = vec![Pool::new(0, 1, supply).racks(Some(block), racks)];
    setup
}

fn fixed_point(name: &str) -> Report {
    let mut setup = gangs((12, 18, 36), 4, 3, (3, 12));
    slow(&mut setup, 0, 2);
    (setup.in_turn, setup.stamped) = (true, true);
    let run = LoopRun::new(&setup, 120);
    let of = |count: fn(&CycleStats) -> u64| run.window(60).iter().map(count).sum::<u64>();
    let mut checks = vec![
        Check::equal("acquisitions in the last 60 cycles", 0, of(CycleStats::acquisitions)),
        Check::equal("reclaims in the last 60 cycles", 0, of(|stats| stats.reclaims)),
    ];
    checks.extend(run.bound_of(24));
    run.report(name, checks)
}

fn engages(name: &str) -> Report {
    let run_with = |dwell| {
        let mut setup = gangs((0, 24, 24), 4, 3, (3, 12));
        slow(&mut setup, 0, dwell);
        LoopRun::new(&setup, 12)
    };
    let (instant, slowly) = (run_with(0), run_with(2));
    let checks = vec![
        Check::at_least("configured after one cycle, instant", 1, instant.stats[0].configured),
        Check::equal("configured after one cycle, slow", 0, slowly.stats[0].configured),
        Check::at_least("configured in the end, slow", 1, slowly.last().configured),
    ];
    slowly.report(name, checks)
}

/// One gang of seven in one cluster, in a rack with forty slots more.
fn seven(supply: (u64, u64, u64), block: u64, dwell: u64, create: u64) -> LoopSetup {
    let mut setup = gangs(supply, 1, 7, (block, 64));
    setup.clusters.truncate(1);
    slow(&mut setup, create, dwell);
    setup.stamped = true;
    setup
}

fn one_loss(name: &str) -> Report {
    let arms =
        [(0, 0), (0, 1), (0, 2), (0, 3), (0, 5), (1, 0), (2, 2), (5, 5), (12, 7)].into_iter().map(|(create, dwell)| {
            let mut setup = seven((7, 0, 200), 47, dwell, create);
            setup.faults = vec![Fault { cycle: 30, cluster: 0, count: 1 }];
            let run = LoopRun::new(&setup, 120);
            let what = |text: &str| format!("{text}, creating in {create} cycles and configuring in {dwell}");
            let checks = vec![
                Check::equal(what("provisions"), 1, run.total(|stats| stats.provisions)),
                Check::equal(what("all actions"), 1, run.total(CycleStats::churn)),
                Check::equal(what("shortfalls in the end"), 0, run.last().shortfalls),
                Check::equal(what("bound in the end"), 7, run.last().bound),
            ];
            run.report(name, checks)
        });
    Report::all(arms)
}

fn repeated(name: &str) -> Report {
    let arms = [0, 2, 4].into_iter().map(|dwell| {
        let mut setup = seven((7, 0, 200), 207, dwell, 0);
        let (mut cycle, mut turn) = (30, 0);
        while cycle < 190 {
            setup.faults.push(Fault { cycle, cluster: 0, count: 1 });
            turn += 1;
            cycle += 1 + turn % 3;
        }
        let run = LoopRun::new(&setup, 220);
        let what = |text: &str| format!("{text}, {} losses, configuring in {dwell} cycles", run.lost);
        let checks = vec![
            Check::at_least(what("losses"), 50, run.lost),
            Check::equal(what("acquisitions"), run.lost, run.total(CycleStats::acquisitions)),
            Check::at_most(what("reclaims"), run.lost / 4, run.total(|stats| stats.reclaims)),
            Check::equal(what("bound in the end"), 7, run.last().bound),
        ];
        run.report(name, checks)
    });
    Report::all(arms)
}

fn burst(name: &str) -> Report {
    let arms = [0, 2, 4, 6].into_iter().map(|dwell| {
        let mut setup = seven((7, 0, 400), 407, dwell, 0);
        setup.faults = vec![Fault { cycle: 30, cluster: 0, count: 4 }];
        let run = LoopRun::new(&setup, 120);
        let what = |text: &str| format!("{text}, configuring in {dwell} cycles");
        let checks = vec![
            Check::equal(what("reclaims"), 0, run.total(|stats| stats.reclaims)),
            Check::equal(what("acquisitions"), 4, run.total(CycleStats::acquisitions)),
            Check::equal(what("bound in the end"), 7, run.last().bound),
        ];
        run.report(name, checks)
    });
    Report::all(arms)
}
