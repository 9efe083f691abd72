//! Times decide on a large shard: `cargo run --release --example decide_bench -p argosy-engine -- [machines] [needs]`.
//!
//! The fleet is spread over racks, three zones and six offerings; needs are plain, spread, gangs and small gangs that fold, at
//! four priorities; some ask for more than there is, and one gang fits nowhere. Counts are asserted after seeding and
//! after every step, so that an empty fleet cannot pass for a fast one.

use std::sync::Arc;

use argosy_engine::{ActionKind, Decision, Engine, Policy, View, lint};
use argosy_model::demand::Reporting;
use argosy_model::fleet::Aside;
use argosy_model::vocabulary::{INSTANCE_TYPE_KEY, RACK_KEY, ZONE_KEY};
use argosy_model::{
    Bucket, CapacityType, Cause, Demand, Fleet, Machine, MicroUsd, NeedKey, Operator, Ppb, Profile, Requirement,
    Resources, Shape, ShardTime, Spread, State,
};

/// Machines in one rack, all of one offering.
const PER_RACK: usize = 48;
/// Name, cores, GiB, GPUs, dollars an hour.
const OFFERINGS: [(&str, u64, u64, u64, u64); 6] = [
    ("m.large", 2, 8, 0, 1),
    ("m.xlarge", 4, 16, 0, 2),
    ("c.4xlarge", 16, 32, 0, 6),
    ("r.2xlarge", 8, 64, 0, 5),
    ("g.8xlarge", 64, 512, 4, 40),
    ("a.8g", 128, 2_048, 8, 98),
];
const CLUSTERS: usize = 50;
/// Rounds of losses at the end.
const CHURNS: usize = 10;
const PRIORITIES: [i32; 4] = [100, 1_000, 10_000, 1_000_000];

struct Bench {
    fleet: Fleet,
    demand: Demand,
    policy: Policy,
    now: ShardTime,
    engine: Engine,
}

// The size comes from the command line; nothing is decided from it.
#[allow(clippy::disallowed_methods)]
fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().expect("a number"));
    let machines = args.next().unwrap_or(1_000_000);
    let needs = args.next().unwrap_or(50_000);
    let mut bench = Bench::seeded(machines, needs);
    println!(
        "{} machines, {} shapes, {} needs",
        bench.fleet.len(),
        bench.fleet.words.shapes().count(),
        bench.demand.len()
    );
    let cold = bench.timed("cold");
    assert!(cold.plan.actions().count() > machines / 4, "a cold fleet is bound in one go");
    let findings = lint(&bench.view(), &cold);
    assert!(findings.is_empty(), "{findings:#?}");
    bench.apply(&cold);
    for _ in 0..8 {
        let next = bench.timed("settling");
        if next.plan.is_empty() {
            break;
        }
        bench.apply(&next);
    }
    for _ in 0..3 {
        let steady = bench.timed("steady");
        assert!(steady.plan.is_empty(), "a settled fleet is left alone");
    }
    for at in 0..CHURNS {
        bench.lose_every(1_000, at * 37);
        let churned = bench.timed("1 in 1,000 lost");
        assert!(churned.plan.actions().count() > 0);
        bench.apply(&churned);
    }
}

impl Bench {
    fn seeded(machines: usize, needs: usize) -> Self {
        // No cap on reclaims and none on actions: the whole work of a cycle is to be seen.
        let policy = Policy { max_actions: u32::MAX, reclaim_cap_ppm: None, ..Policy::default() };
        let mut bench = Self {
            fleet: Fleet::default(),
            demand: Demand::default(),
            policy,
            now: ShardTime(1_000_000),
            engine: Engine::new(),
        };
        bench.add_machines(machines);
        bench.add_needs(machines, needs);
        assert_eq!((bench.fleet.len(), bench.demand.len()), (machines, needs));
        bench
    }

    fn view(&self) -> View<'_> {
        View { fleet: &self.fleet, demand: &self.demand, policy: &self.policy, now: self.now }
    }

    fn resources(&mut self, cpu: u64, gib: u64, gpu: u64) -> Resources {
        let words = &mut self.fleet.words;
        let dims = [("cpu", cpu * 1_000), ("memory", gib << 30), ("nvidia.com/gpu", gpu)];
        Resources::from_amounts(dims.map(|(name, amount)| (words.dim(name), amount)))
    }

    fn add_machines(&mut self, machines: usize) {
        for at in 0..machines {
            let rack = at / PER_RACK;
            let (name, cpu, gib, gpu, usd) = OFFERINGS[rack % OFFERINGS.len()];
            let resources = self.resources(cpu, gib, gpu);
            let words = &mut self.fleet.words;
            let elastic = rack.is_multiple_of(3);
            let shape = Shape {
                provider: words.symbol("sim"),
                instance_type: Some(words.symbol(name)),
                zone: Some(words.symbol(["a", "b", "c"][rack % 7 % 3])),
                capacity_type: if elastic { CapacityType::OnDemand } else { CapacityType::Reserved },
                price: MicroUsd(usd * 100_000),
                interruption: Ppb(0),
                resources,
                labels: vec![(words.symbol(RACK_KEY), words.symbol(&format!("rack-{rack}")))],
            };
            let shape = words.shape(&shape);
            let state = if elastic { State::Speculative } else { State::Idle };
            let machine = Machine::new(shape, state, self.now);
            self.fleet.add(&format!("machine-{at:07}"), machine, Aside::default()).expect("a sound machine");
        }
    }

    fn add_needs(&mut self, machines: usize, needs: usize) {
        let share = machines / needs;
        for at in 0..needs {
            let offering = at % OFFERINGS.len();
            let (name, cpu, gib, gpu, _) = OFFERINGS[offering];
            let words = &mut self.fleet.words;
            let types = vec![words.symbol(name)];
            let mut asks =
                vec![Requirement { key: words.symbol(INSTANCE_TYPE_KEY), operator: Operator::In, values: types }];
            let kind = at / 7 % 10;
            if kind < 4 {
                asks.push(Requirement { key: words.symbol(RACK_KEY), operator: Operator::Same, values: vec![] });
            }
            let spread = (kind > 7).then(|| Spread { key: words.symbol(ZONE_KEY), max_skew: 2 });
            let bucket = Bucket::covering(MicroUsd::from_usd(1 << (at % 12)));
            let profile = Profile::new(asks, spread, PRIORITIES[at % 11 % 4], bucket, bucket);
            let (unit, units) = match kind {
                // Small gangs that fold; gangs of eight machines; plain and spread rows that fill about a tenth too much.
                0 | 1 => (self.resources((cpu / 8).max(1), gib / 8, 0), 4),
                2 | 3 if at == 20 => (self.resources(cpu, gib, gpu), 10_000),
                2 | 3 => (self.resources(cpu, gib, gpu), 8),
                _ => (self.resources((cpu / 2).max(1), gib / 2, 0), 2 * share as u64 * 11 / 8),
            };
            let words = &mut self.fleet.words;
            let cluster = words.cluster(&format!("cluster-{}", at % CLUSTERS));
            let group = (kind < 4).then(|| words.group(&format!("gang-{at}")));
            words.profile(&profile.without_same());
            let key = NeedKey { cluster, profile: words.profile(&profile), group, fold: 0 };
            // A row of demand is told from others by its key, so rows that came out alike get a group.
            let key = NeedKey { group: key.group.or_else(|| Some(words.group(&format!("row-{at}")))), ..key };
            self.demand.put(key, unit.times(units), unit, self.now, &self.fleet.words);
            self.demand.set_reporting(cluster, Reporting { heard: true, ..Reporting::default() });
        }
    }

    // The clock is read to be printed, never to decide.
    #[allow(clippy::disallowed_methods)]
    fn timed(&mut self, what: &str) -> Arc<Decision> {
        self.now = ShardTime(self.now.0 + 10_000);
        let start = std::time::Instant::now();
        let view = View { fleet: &self.fleet, demand: &self.demand, policy: &self.policy, now: self.now };
        let decision = self.engine.decide(&view);
        let took = start.elapsed();
        let short = decision.shortfalls().count();
        let kinds = ["Bootstrap", "Provision", "Preempt", "Reclaim", "Delete"];
        let count = |name: &&str| decision.plan.actions().filter(|action| action.kind.name() == *name).count();
        let counts: Vec<String> = kinds.iter().map(|name| format!("{name} {}", count(name))).collect();
        println!(
            "{what:>16}: {took:>12.3?}  {short} short, {} marks, {}",
            decision.plan.marks.len(),
            counts.join(", ")
        );
        decision
    }

    /// Carries a plan out at once, as a perfect provider would.
    fn apply(&mut self, decision: &Decision) {
        for action in decision.plan.actions() {
            let machine = *self.fleet.machine(action.machine);
            let (to, claim) = match &action.kind {
                ActionKind::Bootstrap(a) | ActionKind::Provision(a) => (State::Configured, Some(a.claim)),
                ActionKind::Preempt { .. } | ActionKind::Reclaim { .. } => (State::Idle, None),
                ActionKind::Release => (State::Speculative, None),
            };
            let next = Machine { claim, ..machine.moved(to, self.now) };
            self.fleet.put(action.machine, next, Aside::default(), Cause::Skipped).expect("a legal step");
        }
        for (key, mark) in &decision.plan.marks {
            self.demand.set_mark(*key, *mark);
        }
    }

    fn lose_every(&mut self, nth: usize, from: usize) {
        let bound = self.fleet.iter().filter(|(_, m)| m.state == State::Configured).map(|(ix, _)| ix);
        for ix in bound.skip(from).step_by(nth).collect::<Vec<_>>() {
            self.fleet.step(ix, State::Speculative, self.now, None, Cause::Lost).expect("a host can die");
        }
    }
}
