//! Why a need stands where it stands: what became of every machine as the need sees it, what binds, and who is ahead.

use std::collections::BTreeMap;

use argosy_model::State;
use serde::{Deserialize, Serialize};

use super::plan::{Acted, Rail};
use super::sieve::{Fate, Given, Portion, Sieve};
use super::words::{self, Amounts, NeedRef};
use super::{Explainer, Filter, remedy};
use crate::plan::Verdict;
use crate::rows::RowIx;
use crate::standing::Part;
use crate::yardstick::{add, covers};

/// Most claimants that an explanation names.
pub const MAX_CLAIMANTS: usize = 16;

/// Everything about one need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedExplanation {
    /// Which need.
    pub need: NeedRef,
    /// How many gangs the row stands for, if it was folded out of several; 1 otherwise.
    pub rows: u32,
    /// Its place in the order of precedence, from 1.
    pub rank: u32,
    /// How many rows there are in that order.
    pub ranked: u32,
    /// Whether nothing is missing: its machines cover it, or what is on its way and what this plan gets it do.
    pub satisfied: bool,
    /// Why it is not covered by what serves or joins already: priority_starved, no_matching_supply,
    /// topology_unsatisfiable, preemption_exhausted, in_flight or parked. Absent if it is.
    pub reason: Option<String>,
    /// How it takes part: seeking, parked, retreating or evicted.
    pub part: String,
    /// For how long it has been short, milliseconds; absent while it is not.
    pub unmet_for_ms: Option<u64>,
    /// What it asks in all.
    pub asks: Amounts,
    /// The piece that every machine must hold.
    pub min_unit: Amounts,
    /// What is missing.
    pub lacks: Amounts,
    /// The domain that it is put together in; for a gang that has none, the one tried last.
    pub domain: Option<String>,
    /// The machines that it has and gets.
    pub given: GivenMachines,
    /// How many machines were looked at: all that the shard has. They are those given, those removed and those left.
    pub looked_at: u64,
    /// How many machines each filter removed, in the order of the filters; filters that removed none are left out.
    pub removed: Vec<Removed>,
    /// How many machines nothing keeps from it, that it did not take: it lacks nothing, or they came free after its turn.
    pub left: u64,
    /// What binds; absent if nothing is missing, or if what came free after its turn would do.
    pub binding: Option<Binding>,
    /// Who has what would do, and may not be taken from.
    pub ahead: Ahead,
    /// The domains that come nearest to hosting it, best first. For needs with `Same` that are short.
    pub domains: Vec<DomainCoverage>,
    /// What this plan does for it, by phase and reason.
    pub acted: Vec<Acted>,
    /// Machines that this cycle gives it, but that the limit on a plan's size leaves for the next.
    pub put_off: u32,
    /// The rails that stand in its way: kill_switch, dry_run, plan_size, quarantine.
    pub rails: Vec<Rail>,
    /// What would satisfy it, the smallest of each kind; every one was tried. Empty if it was not asked for.
    pub remedies: Vec<remedy::Remedy>,
    /// How the search for those went; absent if it was not asked for.
    pub search: Option<remedy::Search>,
}

/// Machines that a need has, and gets in this plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenMachines {
    /// Serving its cluster.
    pub serving: u64,
    /// Joining its cluster.
    pub joining: u64,
    /// Being created, or drained elsewhere, for it.
    pub coming: u64,
    /// Idle ones that this plan binds.
    pub bound: u64,
    /// Slots that this plan turns into machines.
    pub bought: u64,
    /// Those that this plan frees from others.
    pub freed: u64,
    /// Those among its serving ones that this plan takes for others.
    pub lost: u64,
}

impl GivenMachines {
    /// All but those that it loses, which are counted where they are.
    pub fn total(&self) -> u64 {
        self.serving + self.joining + self.coming + self.bound + self.bought + self.freed
    }

    fn count(&mut self, given: Given, machines: u64) {
        *match given {
            Given::Serving => &mut self.serving,
            Given::Joining => &mut self.joining,
            Given::Coming => &mut self.coming,
            Given::Bound => &mut self.bound,
            Given::Bought => &mut self.bought,
            Given::Freed => &mut self.freed,
        } += machines;
    }
}

/// Machines that a filter removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Which filter.
    pub filter: Filter,
    /// The condition, where it is one of several; empty otherwise.
    pub detail: String,
    /// How many.
    pub machines: u64,
}

/// What binds: the first filter after which what has passed could not cover the need any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Which filter; absent if not even the whole fleet would cover it.
    pub filter: Option<Filter>,
    /// Its conditions, if it has several.
    pub detail: String,
}

/// Who is ahead of a need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// How many needs.
    pub claimants: u64,
    /// How many machines that would do they have, or get in this plan.
    pub machines: u64,
    /// The first of them, by precedence.
    pub first: Vec<Claimant>,
}

/// One that is ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimant {
    /// Who.
    pub need: NeedRef,
    /// How many machines that would do it has, or gets.
    pub machines: u64,
}

/// How far one domain would cover a need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainCoverage {
    /// The value of the topology key.
    pub domain: String,
    /// How much of the need its free machines, and those that the need has there, cover.
    pub coverage_per_mille: u32,
    /// Whether that is all of it.
    pub is_enough: bool,
}

/// What the sieve found, class by class.
#[derive(Default)]
struct Sifted {
    looked_at: u64,
    given: GivenMachines,
    removed: BTreeMap<(Filter, String), u64>,
    left: u64,
    ahead: BTreeMap<u32, (RowIx, u64)>,
    /// By filter, what the machines that it removed count for.
    weights: BTreeMap<Filter, crate::yardstick::Amounts>,
    rest: crate::yardstick::Amounts,
}

impl Explainer {
    /// Explains the row that stands for a need, whatever it is that could be done about it.
    pub(super) fn explain_row(&self, row: RowIx) -> NeedExplanation {
        let cycle = &self.cycle;
        let (asked, standing) = (cycle.row(row), cycle.standing(row));
        let verdict = self.verdict(row);
        let sifted = self.sift(row);
        let words = &cycle.view.fleet.words;
        let acted = self.acted_for(row);
        let planned = verdict.bootstraps + verdict.provisions + verdict.victims;
        let put_off = planned.saturating_sub(acted.iter().map(|acted| acted.gained).sum());
        let binding = self.binding(row, &sifted);
        NeedExplanation {
            need: self.name(row),
            rows: u32::try_from(asked.members.len()).expect("a row stands for fewer needs than there are"),
            rank: cycle.rows.rank(row) + 1,
            ranked: u32::try_from(cycle.rows.order().len()).expect("fewer than 2^32 needs"),
            satisfied: !standing.is_short(),
            reason: verdict.unmet.map(|unmet| unmet.name().to_owned()),
            part: part(standing.part).to_owned(),
            unmet_for_ms: verdict.unmet_since.map(|since| cycle.view.now.since(since).0),
            asks: words::amounts(words, &asked.aggregate),
            min_unit: words::amounts(words, &asked.min_unit),
            lacks: words::amounts(words, &verdict.residual),
            domain: verdict.domain.map(|domain| words.text(domain).to_owned()),
            given: sifted.given,
            looked_at: sifted.looked_at,
            left: sifted.left,
            ahead: self.ahead(row, &sifted),
            removed: removed(sifted.removed),
            binding,
            domains: self.domains(verdict),
            rails: self.rails_against(row, &acted, put_off),
            acted,
            put_off,
            remedies: Vec::new(),
            search: None,
        }
    }

    fn sift(&self, row: RowIx) -> Sifted {
        let (cycle, sieve) = (&self.cycle, Sieve::of(&self.cycle, &self.takings, row));
        let standing = cycle.standing(row);
        let words = &cycle.view.fleet.words;
        let mut sifted = Sifted { rest: standing.yard.none(), ..Sifted::default() };
        for (class, members) in cycle.view.fleet.classes().iter() {
            let machines = u32::try_from(members.len()).expect("slots are 32 bits wide");
            sifted.looked_at += u64::from(machines);
            let machine = standing.yard.measure(&words.shape_of(class.shape).resources);
            for portion in sieve.portions(&class, machines) {
                let count = u64::from(portion.machines);
                match portion.fate {
                    Fate::Given(given) => {
                        sifted.given.count(given, count);
                        add(&mut sifted.rest, &machine, count);
                    }
                    Fate::Left => {
                        sifted.left += count;
                        add(&mut sifted.rest, &machine, count);
                    }
                    Fate::Kept(filter) => {
                        let weight = sifted.weights.entry(filter).or_insert_with(|| standing.yard.none());
                        add(weight, &machine, count);
                        let detail = self.detail(row, filter, class.shape);
                        *sifted.removed.entry((filter, detail)).or_default() += count;
                    }
                }
                self.note_ahead(row, &portion, &mut sifted);
            }
            if class.state == State::Configured {
                sifted.given.lost += u64::from(self.takings.taken(&class, Some(row)));
            }
        }
        sifted
    }

    /// Which of several conditions it is.
    fn detail(&self, row: RowIx, filter: Filter, shape: argosy_model::ShapeIx) -> String {
        if filter != Filter::Requirement {
            return String::new();
        }
        let words = &self.cycle.view.fleet.words;
        let refused = self.cycle.row(row).profile.refused_by(words.shape_of(shape), words);
        refused.map(|requirement| words::condition(words, requirement)).unwrap_or_default()
    }

    /// Whoever comes first, or has what may not be taken from it, is ahead.
    fn note_ahead(&self, row: RowIx, portion: &Portion, sifted: &mut Sifted) {
        let (Some(by), Fate::Kept(filter)) = (portion.by, portion.fate) else { return };
        let is_about_holders = matches!(filter, Filter::Held | Filter::Taken | Filter::InTransit);
        let rank = self.cycle.rows.rank(by);
        let is_firm = self.cycle.standing(by).priority >= self.cycle.standing(row).priority;
        if is_about_holders && (rank < self.cycle.rows.rank(row) || is_firm) {
            sifted.ahead.entry(rank).or_insert((by, 0)).1 += u64::from(portion.machines);
        }
    }

    fn ahead(&self, row: RowIx, sifted: &Sifted) -> Ahead {
        if !self.cycle.standing(row).is_short() {
            return Ahead::default();
        }
        let claimant = |(by, machines): &(RowIx, u64)| Claimant { need: self.name(*by), machines: *machines };
        Ahead {
            claimants: sifted.ahead.len() as u64,
            machines: sifted.ahead.values().map(|(_, machines)| machines).sum(),
            first: sifted.ahead.values().take(MAX_CLAIMANTS).map(claimant).collect(),
        }
    }

    /// Goes through the filters from the last to the first, up to that after which what has passed does not cover the need.
    fn binding(&self, row: RowIx, sifted: &Sifted) -> Option<Binding> {
        let standing = self.cycle.standing(row);
        let (want, mut have) = (standing.yard.want(), sifted.rest.clone());
        if !standing.is_short() || covers(&have, want) {
            return None;
        }
        let mut binding = None;
        for filter in Filter::ALL.into_iter().rev() {
            let Some(weight) = sifted.weights.get(&filter) else { continue };
            if covers(&have, want) {
                break;
            }
            binding = Some(filter);
            add(&mut have, weight, 1);
        }
        let filter = binding.filter(|_| covers(&have, want));
        let details = sifted.removed.keys().filter(|(of, detail)| Some(*of) == filter && !detail.is_empty());
        let details: Vec<&str> = details.map(|(_, detail)| detail.as_str()).collect();
        Some(Binding { filter, detail: details.join("; ") })
    }

    fn domains(&self, verdict: &Verdict) -> Vec<DomainCoverage> {
        let words = &self.cycle.view.fleet.words;
        let coverage = |candidate: &crate::plan::Candidate| DomainCoverage {
            domain: words.text(candidate.domain).to_owned(),
            coverage_per_mille: candidate.coverage_per_mille,
            is_enough: candidate.is_enough,
        };
        verdict.candidates.iter().map(coverage).collect()
    }
}

fn removed(by_filter: BTreeMap<(Filter, String), u64>) -> Vec<Removed> {
    let removed = by_filter.into_iter().map(|((filter, detail), machines)| Removed { filter, detail, machines });
    removed.collect()
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Seeking => "seeking",
        Part::Parked => "parked",
        Part::Retreating => "retreating",
        Part::Evicted => "evicted",
    }
}
