//! Quality: what the engine comes to on small fleets, beside the best that there is, found by trying everything.
//!
//! Three things are judged: what an hour costs once all is covered that can be, how many machines change hands for work of
//! higher priority, and after how many cycles everything is covered. Needs are plain rows, one to a cluster, so that who holds
//! what is beyond doubt; the best is lexicographic: of the needs in order of priority as many as possible covered, then cheap.

use argosy_model::{CapacityType, MicroUsd, money};
use argosy_shard::NeedRow;
use argosy_workload::amounts::Amounts;
use argosy_workload::dice::Dice;

use crate::actor::Nobody;
use crate::check::Check;
use crate::cloud::Offer;
use crate::fleet::{FleetSim, Setup};
use crate::leader::Scrutiny;
use crate::row::Row;

/// Cycles after which a small fleet with an instant cloud must be where it will be.
const CYCLES: u64 = 6;

/// One machine of a small fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    cores: u64,
    price: u64,
    interruption_ppb: u32,
}

/// One need of a small fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Want {
    priority: i32,
    piece: u64,
    pieces: u64,
    penalty_dollars: u64,
}

/// A small fleet: slots to be bought, and needs by falling priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Puzzle {
    slots: Vec<Slot>,
    wants: Vec<Want>,
}

/// What the engine came to, and what was possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Needs covered, by falling priority: whether the engine covers as many from the top as is possible.
    pub covers_as_many: bool,
    /// What an hour costs, interruptions reckoned in, in micro-dollars; engine and best. Zero where the covered needs differ.
    pub cost: (u64, u64),
    /// Machines taken for a need that came last and above all others; engine and fewest.
    pub taken: (u64, u64),
    /// Cycles until everything is covered that the engine covers: without and with the need that came last.
    pub cycles: (u64, u64),
}

impl Puzzle {
    /// The puzzle of a number: four to seven slots of a few sizes and prices, and one to three needs.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, &format!("puzzle/{number}"));
        let slots = dice.between(4, 7);
        let slot = |dice: &mut Dice| Slot {
            cores: [2, 4, 8][usize::try_from(dice.below(3)).expect("small")],
            price: dice.between(1, 8) * 50_000,
            interruption_ppb: [0, 10_000_000, 200_000_000][usize::try_from(dice.below(3)).expect("small")],
        };
        let slots = (0..slots).map(|_| slot(&mut dice)).collect();
        let wants = dice.between(1, 3);
        let want = |dice: &mut Dice, rank: u64| Want {
            priority: 1_000 - i32::try_from(rank).expect("few") * 100,
            piece: dice.between(1, 2),
            pieces: dice.between(1, 5),
            penalty_dollars: [0, 1, 8][usize::try_from(dice.below(3)).expect("small")],
        };
        Self { slots, wants: (0..wants).map(|rank| want(&mut dice, rank)).collect() }
    }

    /// Has the engine solve it, and tries everything.
    ///
    /// # Panics
    /// When a rule is broken on the way.
    pub fn judge(&self) -> Judged {
        let mut fleet = self.fleet();
        for (number, want) in self.wants.iter().enumerate() {
            fleet.report(&format!("c{number}"), &[want.row()]);
        }
        let first = self.cycles_to_rest(&mut fleet);
        let holders = self.holders(&fleet);
        let (flags, cost) = self.worth(&holders);
        let (best_flags, best_cost) = self.best();
        let urgent = Want { priority: 1_000_000, piece: 2, pieces: 2, penalty_dollars: 8 };
        let fewest = self.fewest_taken(&holders, urgent);
        fleet.report("urgent", &[urgent.row()]);
        let second = self.cycles_to_rest(&mut fleet);
        let after = self.holders(&fleet);
        let changed = |slot: &usize| holders[*slot].is_some() && holders[*slot] != after[*slot];
        let taken = (0..self.slots.len()).filter(changed).filter(|slot| after[*slot] == Some(self.wants.len())).count();
        assert_eq!(fleet.broken(), Vec::<String>::new(), "{self:?}");
        Judged {
            covers_as_many: flags == best_flags,
            cost: if flags == best_flags { (cost, best_cost) } else { (0, 0) },
            taken: (taken as u64, fewest),
            cycles: (first, second),
        }
    }

    fn fleet(&self) -> FleetSim {
        let offer = |slot: &Slot| {
            let mut cores = Amounts::default();
            cores.set("cpu", slot.cores * 1_000);
            let offer = Offer::new(&format!("type-{}", slot.cores), "zone-a", &cores);
            offer.priced(CapacityType::OnDemand, slot.price, slot.interruption_ppb).speculative()
        };
        let machines = self.slots.iter().enumerate().map(|(number, slot)| (format!("m{number}"), offer(slot)));
        let scrutiny = Scrutiny { reference: true, every_machine: true };
        FleetSim::new(Setup { scrutiny, ..Setup::new(1) }, machines)
    }

    /// Runs, and says in which cycle the last machine was acquired.
    fn cycles_to_rest(&self, fleet: &mut FleetSim) -> u64 {
        let mut last = 0;
        for cycle in 1..=CYCLES {
            let before = self.holders(fleet);
            let until_ms = fleet.now_ms() + fleet.setup().cycle_ms;
            fleet.run(until_ms, &mut Nobody);
            if self.holders(fleet) != before {
                last = cycle;
            }
        }
        last
    }

    /// Which need has each slot; the urgent one has the number after the last.
    fn holders(&self, fleet: &FleetSim) -> Vec<Option<usize>> {
        let mut holders = vec![None; self.slots.len()];
        let leader = &fleet.leaders()[0];
        for need in 0..=self.wants.len() {
            let cluster = if need == self.wants.len() { "urgent".to_owned() } else { format!("c{need}") };
            for ix in leader.configured(&cluster) {
                let number: usize = leader.state().fleet().id(ix)[1..].parse().expect("machines are numbered");
                holders[number] = Some(need);
            }
        }
        holders
    }

    /// Which needs are covered by who holds what, and what those cost. What is held in part is not reckoned: to hold it is
    /// the policy for rows that tolerate partial fill, and no failure to be cheap.
    fn worth(&self, holders: &[Option<usize>]) -> (Vec<bool>, u64) {
        let mut held = vec![(0, 0); self.wants.len()];
        for (slot, need) in self.slots.iter().zip(holders) {
            if let Some((number, want)) = need.and_then(|need| Some((need, self.wants.get(need)?))) {
                let (cores, cost) = held[number];
                held[number] = (cores + slot.usable(want), cost + slot.cost(want));
            }
        }
        let is_covered = |want: &Want, cores: u64| cores >= want.piece * want.pieces;
        let flags = held.iter().zip(&self.wants).map(|((cores, _), want)| is_covered(want, *cores)).collect();
        let covered = held.iter().zip(&self.wants).filter(|((cores, _), want)| is_covered(want, *cores));
        (flags, covered.map(|((_, cost), _)| cost).sum())
    }

    /// The most needs from the top, and what they cost at least: every way to give slots to needs is tried.
    fn best(&self) -> (Vec<bool>, u64) {
        let ways = (self.wants.len() + 1).pow(u32::try_from(self.slots.len()).expect("few slots"));
        let mut best: Option<(Vec<bool>, u64)> = None;
        for way in 0..ways {
            let mut rest = way;
            let holders: Vec<Option<usize>> = self
                .slots
                .iter()
                .map(|_| {
                    let need = rest % (self.wants.len() + 1);
                    rest /= self.wants.len() + 1;
                    need.checked_sub(1)
                })
                .collect();
            let (flags, cost) = self.worth(&holders);
            let better = best.as_ref().is_none_or(|(top, least)| flags > *top || (flags == *top && cost < *least));
            if better {
                best = Some((flags, cost));
            }
        }
        best.expect("there is a way")
    }

    /// The fewest machines that must be taken from their holders for one more need, free ones used first.
    fn fewest_taken(&self, holders: &[Option<usize>], want: Want) -> u64 {
        let usable = |held: bool| {
            let all = self.slots.iter().zip(holders).filter(move |(_, holder)| holder.is_some() == held);
            all.map(move |(slot, _)| slot.usable(&want))
        };
        let mut lacks = (want.piece * want.pieces).saturating_sub(usable(false).sum());
        let mut held: Vec<u64> = usable(true).filter(|cores| *cores > 0).collect();
        held.sort_unstable_by(|a, b| b.cmp(a));
        let mut taken = 0;
        for cores in held {
            if lacks == 0 {
                break;
            }
            (lacks, taken) = (lacks.saturating_sub(cores), taken + 1);
        }
        taken
    }
}

impl Slot {
    /// What a need has of it: all, if it holds one indivisible piece.
    fn usable(&self, want: &Want) -> u64 {
        if self.cores >= want.piece { self.cores } else { 0 }
    }

    fn cost(&self, want: &Want) -> u64 {
        let (price, interruption) = (MicroUsd(self.price), argosy_model::Ppb(self.interruption_ppb));
        let cost = money::effective_cost(price, interruption, MicroUsd::from_usd(want.penalty_dollars));
        u64::try_from(cost).unwrap_or(u64::MAX)
    }
}

impl Want {
    fn row(&self) -> NeedRow {
        let mut piece = Amounts::default();
        piece.set("cpu", self.piece * 1_000);
        Row::new(self.priority, &piece, self.pieces).penalties(self.penalty_dollars, self.penalty_dollars).build()
    }
}

/// Many puzzles together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub puzzles: u64,
    /// Those in which as many needs are covered, from the top, as is possible.
    pub as_many: u64,
    /// Those of them in which it costs no more than it must.
    pub cheapest: u64,
    /// What the engine pays in all, and what the best would, in micro-dollars.
    pub cost: (u64, u64),
    /// Machines taken in all for what came last, and the fewest.
    pub taken: (u64, u64),
    /// The slowest: cycles without and with taking from others.
    pub cycles: (u64, u64),
}

/// Judges so many puzzles of a seed.
pub fn tally(seed: u64, puzzles: u64) -> Tally {
    let mut tally = Tally { puzzles, ..Tally::default() };
    for number in 0..puzzles {
        let judged = Puzzle::new(seed, number).judge();
        tally.as_many += u64::from(judged.covers_as_many);
        tally.cheapest += u64::from(judged.covers_as_many && judged.cost.0 == judged.cost.1);
        tally.cost = (tally.cost.0 + judged.cost.0, tally.cost.1 + judged.cost.1);
        tally.taken = (tally.taken.0 + judged.taken.0, tally.taken.1 + judged.taken.1);
        tally.cycles = (tally.cycles.0.max(judged.cycles.0), tally.cycles.1.max(judged.cycles.1));
    }
    tally
}

impl Tally {
    /// Holds the engine to the distances that it keeps to. They only tighten.
    pub fn checks(&self) -> Vec<Check> {
        let percent = |of: u64, whole: u64| (of * 100).checked_div(whole).unwrap_or(100);
        vec![
            Check::at_least(
                "percent of puzzles with all needs covered that can be",
                97,
                percent(self.as_many, self.puzzles),
            ),
            Check::at_least("percent of puzzles at the lowest cost", 60, percent(self.cheapest, self.puzzles)),
            Check::at_most("percent of the lowest cost that is paid", 135, percent(self.cost.0, self.cost.1)),
            Check::at_most("percent of the fewest machines that are taken", 140, percent(self.taken.0, self.taken.1)),
            Check::at_most("cycles until what can be covered is", 3, self.cycles.0),
            Check::at_most("cycles until urgent work is", 4, self.cycles.1),
        ]
    }
}
