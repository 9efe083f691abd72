//! Rows of decide on the mixed workload: reprovision, idle, steady, burst.

use std::time::Duration;

use argosy_engine::{Decision, Engine};
use argosy_model::NeedKey;

use crate::honest;
use crate::meter::live_bytes;
use crate::mixed::{self, Size};
use crate::rows::{About, Budget};
use crate::run::Run;
use crate::world::World;

/// Machines that change between two steady cycles, for each placement of the whole demand.
const CHANGED_MACHINES_PPM: usize = 1_000;
/// Needs that change, likewise.
const CHANGED_NEEDS_PPM: usize = 100;

/// Steady cycles before the first that is measured: lists that an engine makes when a row first asks for them are made then.
pub(crate) const WARM_UP: usize = 8;

/// Budgets of ARCHITECTURE.md §7 for a million machines; they grow with the fleet.
struct Budgets {
    idle: Duration,
    steady: Duration,
    burst: Duration,
    reprovision: Duration,
}

const MILLION: Budgets = Budgets {
    idle: Duration::from_micros(20),
    steady: Duration::from_millis(1),
    burst: Duration::from_millis(60),
    reprovision: Duration::from_millis(600),
};

/// The names of the rows at one size.
struct Names {
    idle: String,
    steady: String,
    burst: String,
    reprovision: String,
}

impl Names {
    fn of(size: Size) -> Self {
        let scale = scale(size.placements);
        let burst = scale_of_burst(size.placements);
        Self {
            idle: format!("idle_{scale}"),
            steady: format!("steady_{scale}"),
            burst: format!("burst_{burst}_of_{scale}"),
            reprovision: format!("reprovision_{scale}"),
        }
    }
}

/// `100k`, `1m`, `10m`.
pub(crate) fn scale(machines: usize) -> String {
    if machines.is_multiple_of(1_000_000) {
        format!("{}m", machines / 1_000_000)
    } else {
        format!("{}k", machines / 1_000)
    }
}

fn scale_of_burst(placements: usize) -> String {
    scale(placements / 10)
}

/// Measures the rows of one size.
pub(crate) fn measure(run: &mut Run, size: Size) {
    let names = Names::of(size);
    if !run.wants_any(&[&names.idle, &names.steady, &names.burst, &names.reprovision]) {
        return;
    }
    let before = live_bytes();
    let (cold, hopeless) = mixed::cold(size);
    let bytes = live_bytes() - before;
    if run.wants(&names.reprovision) {
        reprovision(run, &names.reprovision, size, &cold, hopeless, bytes);
    }
    let mut settled = cold;
    settled.settle();
    honest::check(&settled, &mixed::promise(hopeless, false));
    if run.wants(&names.idle) {
        idle(run, &names.idle, size, &mut settled, bytes);
    }
    if run.wants(&names.burst) {
        burst(run, &names.burst, size, &settled, bytes);
    }
    if run.wants(&names.steady) {
        steady(run, &names.steady, size, settled, bytes);
    }
}

fn reprovision(run: &mut Run, name: &str, size: Size, cold: &World, hopeless: NeedKey, bytes: u64) {
    let mut world = cold.clone();
    mixed::add_burst(&mut world, size);
    honest::check(&world, &mixed::promise(hopeless, true));
    let mut meter = run.meter(false);
    let mut placements = usize::MAX;
    while meter.wants_more() {
        world.pass(1);
        let mut engine = Engine::new();
        let decision = meter.time(|| engine.decide(&world.view()));
        placements = placements.min(count(&decision));
    }
    assert!(placements >= size.placements, "all of the fleet is bound in one go: {placements}");
    let limit = run.limit(size.machines()).of(placements);
    let budget = Some(scaled(MILLION.reprovision, size));
    let needs = world.demand.len();
    run.row(name, &About { machines: size.machines(), needs, placements, bytes, limit, budget }, &meter);
}

fn idle(run: &mut Run, name: &str, size: Size, world: &mut World, bytes: u64) {
    let mut engine = Engine::new();
    engine.decide(&world.view());
    let mut meter = run.meter(true);
    while meter.wants_more() {
        world.pass(1);
        let decision = meter.time(|| engine.decide(&world.view()));
        assert!(decision.plan.is_empty(), "a settled fleet is left alone");
    }
    assert_eq!(meter.allocations(), 0, "an unchanged cycle allocates nothing");
    let limit = run.limit(size.machines()).of(0);
    let needs = world.demand.len();
    let about = About {
        machines: size.machines(),
        needs,
        placements: 0,
        bytes,
        limit,
        budget: Some(Budget::Time(MILLION.idle)),
    };
    run.row(name, &about, &meter);
}

fn burst(run: &mut Run, name: &str, size: Size, settled: &World, bytes: u64) {
    let mut before = Engine::new();
    before.decide(&settled.view());
    let mut world = settled.clone();
    mixed::add_burst(&mut world, size);
    let mut meter = run.meter(false);
    let mut placements = usize::MAX;
    while meter.wants_more() {
        world.pass(1);
        let mut engine = before.clone();
        let decision = meter.time(|| engine.decide(&world.view()));
        placements = placements.min(count(&decision));
    }
    assert!(placements >= size.placements / 10, "the burst is placed: {placements}");
    let limit = run.limit(size.machines()).of(placements);
    let budget = Some(scaled(MILLION.burst, size));
    let needs = world.demand.len();
    run.row(name, &About { machines: size.machines(), needs, placements, bytes, limit, budget }, &meter);
}

fn steady(run: &mut Run, name: &str, size: Size, mut world: World, bytes: u64) {
    let machines = size.placements * CHANGED_MACHINES_PPM / 1_000_000;
    let needs = size.placements * CHANGED_NEEDS_PPM / 1_000_000;
    let keys: Vec<NeedKey> =
        world.demand.by_precedence().map(|need| need.key).filter(|key| key.group.is_none()).step_by(7).collect();
    let mut engine = Engine::new();
    engine.decide(&world.view());
    let mut meter = run.meter(true);
    let mut placements = usize::MAX;
    let mut turn = 0;
    while meter.wants_more() {
        world.pass(10_000);
        world.lose(turn * 37 % 500, 401, machines);
        mixed::wobble(&mut world, &keys, turn / 2 * needs, needs, turn % 2 == 0);
        let decision = meter.time_if(turn >= WARM_UP, || engine.decide(&world.view()));
        placements = placements.min(count(&decision));
        world.carry_out(&decision);
        turn += 1;
    }
    assert!(placements >= machines / 2, "what was lost is covered again: {placements}");
    let limit = run.limit(size.machines()).of(placements);
    let needs = world.demand.len();
    let budget = Some(scaled(MILLION.steady, size));
    run.row(name, &About { machines: size.machines(), needs, placements, bytes, limit, budget }, &meter);
}

fn count(decision: &Decision) -> usize {
    decision.plan.actions().count()
}

/// A budget of a million machines, for this size. What costs in proportion to change grows with it.
fn scaled(budget: Duration, size: Size) -> Budget {
    Budget::Time(budget.mul_f64(size.placements as f64 / 1e6))
}
