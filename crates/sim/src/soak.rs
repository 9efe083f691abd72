//! The soak: days of a fleet in which everything goes on at once, and what must hold holds after every entry.
//!
//! Demand rises above supply and falls far below it; rows are plain, spread, or gangs, at many priorities; machines take their
//! time, fail, vanish and come back, calls are lost, leaders change, the rails are on. In the end everything is withdrawn, and
//! nothing may be left: no machine in anybody's hands or on its way, no operation, no need.

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::{CapacityType, State};
use argosy_shard::{NeedRow, Settings};
use argosy_workload::amounts::Amounts;
use argosy_workload::dice::Dice;

use crate::actor::Actor;
use crate::check::{Check, Report};
use crate::cloud::{Dwell, Dwells, Faults, Offer};
use crate::fleet::{FleetSim, Setup};
use crate::leader::{Cycled, Scrutiny};
use crate::row::Row;

/// How long and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soak {
    /// Of everything that is drawn.
    pub seed: u64,
    /// Cycles of ten seconds in which things happen.
    pub cycles: u64,
    /// Cycles to come to rest in.
    pub calm: u64,
    /// Machines and slots; a third of them owned.
    pub machines: u64,
    /// Clusters.
    pub clusters: u64,
}

impl Default for Soak {
    /// A little more than a day: the predecessor's size, and its number of cycles.
    fn default() -> Self {
        Self { seed: 0xCAFE_BABE, cycles: 10_000, calm: 400, machines: 3_000, clusters: 30 }
    }
}

/// Priorities, so that profiles repeat and what the vocabulary keeps is bounded.
const PRIORITIES: u64 = 40;
/// Waves of demand in a soak, each from far below supply to far above and back.
const WAVES: u64 = 8;
/// Most pieces of a row at the height of a wave.
const HEIGHT: u64 = 150;
/// A soak of fewer cycles is too short to say whether anything grows.
const LONG: u64 = 5_000;
/// How often the sizes of all tables are taken.
const SAMPLES: u64 = 40;

/// A soak on its way.
#[derive(Debug)]
struct Course {
    soak: Soak,
    dice: Dice,
    cycle: u64,
    decided: u64,
    ids: Vec<String>,
    seen: Seen,
}

/// What was seen on the way: whether it was there at all is part of what is checked.
#[derive(Debug, Default)]
struct Seen {
    states: BTreeSet<&'static str>,
    actions: BTreeMap<&'static str, u64>,
    reasons: BTreeSet<&'static str>,
    short_cycles: u64,
    losses: u64,
    notices: u64,
    leaders: u64,
    miscounted: u64,
    /// (bytes of the snapshot, entries of all other tables), now and then.
    sizes: Vec<(usize, usize)>,
}

impl Soak {
    /// Runs it.
    pub fn run(&self, name: &str) -> Report {
        let machines = self.fleet();
        let mut course = Course {
            soak: *self,
            dice: Dice::new(self.seed, "soak"),
            cycle: 0,
            decided: 0,
            ids: machines.iter().map(|(id, _)| id.clone()).collect(),
            seen: Seen::default(),
        };
        let mut fleet = FleetSim::new(self.setup(), machines);
        fleet.cloud_mut().set_faults(misfortune());
        fleet.run(u64::MAX, &mut course);
        let checks = course.checks(&fleet);
        let hash = fleet.leaders()[0].state().decision_hash().to_string();
        Report::of(name, &fleet, checks, hash)
    }

    fn setup(&self) -> Setup {
        let dwells = Dwells {
            create: Dwell::Exponential { mean_ms: 45_000, most_ms: 300_000 },
            configure: Dwell::Uniform(5_000, 40_000),
            drain: Dwell::Uniform(5_000, 60_000),
            delete: Dwell::Uniform(2_000, 20_000),
        };
        let scrutiny = Scrutiny { reference: false, every_machine: true };
        Setup { settings: Settings::default(), dwells, scrutiny, ..Setup::new(self.seed) }
    }

    fn fleet(&self) -> Vec<(String, Offer)> {
        let kinds = [("small", 4, 0, 200_000), ("large", 16, 0, 700_000), ("gpu", 64, 8, 30_000_000)];
        let machine = |number: u64| {
            let (kind, cores, gpus, price) = kinds[usize::try_from(number % 3).expect("small")];
            let block = number / 24;
            let zone = ["zone-a", "zone-b", "zone-c"][usize::try_from(block % 3).expect("small")];
            let offer = Offer::new(kind, zone, &amounts(&[("cpu", cores * 1_000), ("nvidia.com/gpu", gpus)]));
            let offer = offer.in_rack(&format!("{zone}-rack-{block}"));
            match (number / 3) % 6 {
                0 | 1 => offer,
                2..=4 => offer.priced(CapacityType::OnDemand, price, 0).speculative(),
                _ => offer.priced(CapacityType::Spot, price / 3, 5_000_000).speculative(),
            }
        };
        (0..self.machines).map(|number| (format!("m{number:06}"), machine(number))).collect()
    }
}

fn misfortune() -> Faults {
    Faults {
        lost_call_ppm: 3_000,
        lost_answer_ppm: 3_000,
        throttle_ppm: 5_000,
        failure_ppm: [5_000, 3_000, 2_000, 2_000],
        out_of_stock: BTreeSet::new(),
        sold_out: Default::default(),
        repair_ms: Some(600_000),
        return_ms: Some(120_000),
    }
}

impl Course {
    fn is_calm(&self) -> bool {
        self.cycle > self.soak.cycles
    }

    /// A cluster asks for something else altogether.
    fn replace(&mut self, fleet: &mut FleetSim) {
        let cluster = self.dice.below(self.soak.clusters);
        let rows: Vec<NeedRow> = (0..self.dice.between(1, 5)).map(|nth| self.row(cluster, nth)).collect();
        fleet.report(&format!("cluster-{cluster}"), &rows);
    }

    fn row(&mut self, cluster: u64, nth: u64) -> NeedRow {
        let priority = i32::try_from(self.dice.below(PRIORITIES) * 25_000).expect("below a million");
        // A triangle: up for half a wave, down for the other.
        let wave = (self.soak.cycles / WAVES).max(2);
        let phase = self.cycle % wave;
        let height = phase.min(wave - phase);
        let pieces = 1 + self.dice.below(1 + HEIGHT * 2 * height / wave);
        let dollars = [0, 1, 64, 8_192][usize::try_from(self.dice.below(4)).expect("small")];
        let row = match self.dice.below(5) {
            0 => Row::new(priority, &amounts(&[("cpu", 4_000)]), pieces),
            1 => Row::new(priority, &amounts(&[("cpu", 8_000)]), pieces).on(&["large", "gpu"]),
            2 => Row::new(priority, &amounts(&[("cpu", 3_000)]), pieces).on(&["small"]).spread_over_zones(1),
            3 => Row::new(priority, &amounts(&[("nvidia.com/gpu", 8)]), 1 + pieces % 8)
                .in_one_rack(&format!("g{cluster}-{nth}")),
            _ => {
                Row::new(priority, &amounts(&[("nvidia.com/gpu", 8)]), pieces).in_one_zone(&format!("z{cluster}-{nth}"))
            }
        };
        row.penalties(dollars, dollars).build()
    }

    fn strike(&mut self, fleet: &mut FleetSim) {
        let now_ms = fleet.now_ms();
        let any = |dice: &mut Dice| usize::try_from(dice.below(self.ids.len() as u64)).expect("few machines");
        let has_host =
            |fleet: &FleetSim, id: &str| fleet.cloud().get(id).is_some_and(|seen| seen.machine.host.is_some());
        if self.dice.chance(80_000) {
            let id = &self.ids[any(&mut self.dice)];
            if has_host(fleet, id) {
                fleet.cloud_mut().lose(now_ms, id);
                self.seen.losses += 1;
            }
        }
        if self.dice.chance(50_000) {
            let id = &self.ids[any(&mut self.dice)];
            if has_host(fleet, id) {
                fleet.cloud_mut().give_notice(now_ms, id, 90_000);
                self.seen.notices += 1;
            }
        }
        if self.dice.chance(3_000) {
            fleet.fail_over(0);
            self.seen.leaders += 1;
        }
        if self.cycle.is_multiple_of(300) {
            let mut faults = misfortune();
            if self.dice.chance(300_000) {
                faults.out_of_stock.insert("large".to_owned());
            }
            fleet.cloud_mut().set_faults(faults);
        }
    }

    fn withdraw_all(&self, fleet: &mut FleetSim) {
        for cluster in 0..self.soak.clusters {
            fleet.report(&format!("cluster-{cluster}"), &[]);
        }
    }

    fn checks(&self, fleet: &FleetSim) -> Vec<Check> {
        let (leader, seen) = (&fleet.leaders()[0], &self.seen);
        let in_hands = |state| leader.count(state, None);
        let on_its_way = [State::Creating, State::Configuring, State::Draining, State::Deleting].map(in_hands);
        let action = |kind| seen.actions.get(kind).copied().unwrap_or(0);
        let (first, second) = seen.sizes.split_at(seen.sizes.len() / 2);
        let most =
            |sizes: &[(usize, usize)], of: fn(&(usize, usize)) -> usize| sizes.iter().map(of).max().unwrap_or(0) as u64;
        let mut checks = vec![
            Check::equal("machines that are there", self.soak.machines, leader.state().fleet().len()),
            Check::equal("cycles in which shard and provider count differently", 0, seen.miscounted),
            Check::equal("bound in the end", 0, in_hands(State::Configured)),
            Check::equal("on their way in the end", "[0, 0, 0, 0]", format!("{on_its_way:?}")),
            Check::equal("open operations in the end", 0, leader.state().ledger().len()),
            Check::equal("needs in the end", 0, leader.state().demand().len()),
            Check::equal("states seen", 8, seen.states.len()),
            Check::at_least("cycles with more demand than supply", self.soak.cycles / 10, seen.short_cycles),
            Check::at_least("cycles with nothing short", 1, self.soak.cycles.saturating_sub(seen.short_cycles)),
            Check::at_least("machines lost", 1, seen.losses),
            Check::at_least("notices", 1, seen.notices),
        ];
        if self.soak.cycles >= LONG {
            checks.extend([
                Check::at_most(
                    "bytes of the state: the second half's most",
                    most(first, |s| s.0) * 5 / 4,
                    most(second, |s| s.0),
                ),
                Check::at_most(
                    "entries beside it: the second half's most",
                    most(first, |s| s.1) * 5 / 4,
                    most(second, |s| s.1),
                ),
            ]);
        }
        for kind in ["Bootstrap", "Provision", "Preempt", "Reclaim", "Delete"] {
            checks.push(Check::at_least(format!("{kind}s"), 1, action(kind)));
        }
        for reason in ["assemble_gang", "cover_deficit", "preempt_for_priority", "reclaim_surplus", "release_idle"] {
            checks.push(Check::equal(format!("seen for {reason}"), true, seen.reasons.contains(reason)));
        }
        checks
    }
}

impl Actor for Course {
    fn next_ms(&self) -> Option<u64> {
        Some((self.cycle + 1) * 10_000)
    }

    fn act(&mut self, fleet: &mut FleetSim) {
        self.cycle += 1;
        if self.is_calm() {
            if self.cycle <= self.soak.cycles + 4 {
                let faults = Faults { repair_ms: Some(10_000), return_ms: Some(10_000), ..Faults::default() };
                fleet.cloud_mut().set_faults(faults);
                // Three times, and once more: the guard against emptied roll-ups is on.
                self.withdraw_all(fleet);
            }
            return;
        }
        if self.cycle % 5 == 1 {
            self.replace(fleet);
        }
        if self.cycle.is_multiple_of(35) {
            let cluster = self.dice.below(self.soak.clusters);
            fleet.report(&format!("cluster-{cluster}"), &[]);
        }
        self.strike(fleet);
    }

    fn after_cycle(&mut self, fleet: &mut FleetSim, cycled: &Cycled) {
        self.decided += 1;
        let leader = &fleet.leaders()[0];
        for acted in &cycled.acted {
            *self.seen.actions.entry(acted.kind).or_default() += 1;
            self.seen.reasons.insert(acted.reason);
        }
        self.seen.short_cycles += u64::from(cycled.decision.shortfalls().next().is_some());
        let states = State::ALL.into_iter().filter(|state| leader.count(*state, None) > 0);
        self.seen.states.extend(states.map(State::name));
        let counts = (leader.state().fleet().len(), fleet.cloud().len());
        self.seen.miscounted += u64::from(!leader.wants_listing(fleet.cloud()) && counts.0 != counts.1);
        if self.decided.is_multiple_of((self.soak.cycles / SAMPLES).max(1)) && !self.is_calm() {
            let mut bytes = Vec::new();
            leader.state().write_snapshot(&mut bytes).expect("memory takes everything");
            self.seen.sizes.push((bytes.len(), leader.table_sizes() + fleet.cloud().table_sizes()));
        }
    }

    fn is_over(&self) -> bool {
        self.decided >= self.soak.cycles + self.soak.calm
    }
}

fn amounts(list: &[(&str, u64)]) -> Amounts {
    let mut amounts = Amounts::default();
    list.iter().for_each(|(dim, amount)| amounts.set(dim, *amount));
    amounts
}
