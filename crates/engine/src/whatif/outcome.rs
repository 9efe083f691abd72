//! Outcomes: what the engine decides with and without the changes, side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Altered;
use super::rest::Rest;
use crate::explain::{Amounts, Cost, NeedRef, PlanDiff};
use crate::plan::{Decision, Verdict};
use crate::{Engine, Unmet};

/// Most needs of each list that are told one by one.
pub const MAX_NEEDS: usize = 100;

/// The state as it is, and as it would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// As it is.
    pub before: Side,
    /// With the changes.
    pub after: Side,
    /// What the next plan would do otherwise.
    pub plan_diff: PlanDiff,
    /// Needs that come to be short, or are short by more, by precedence.
    pub worse: Vec<NeedTurn>,
    /// Needs that are short by less or not at all any more, by precedence.
    pub better: Vec<NeedTurn>,
    /// How many get worse, those not listed included.
    pub worse_total: u32,
    /// How many get better, those not listed included.
    pub better_total: u32,
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// How many machines there are, slots included.
    pub machines: u64,
    /// How many needs.
    pub needs: u64,
    /// What the next plan does.
    pub plan: PlanSize,
    /// What the fleet costs before and after that plan.
    pub cost: Cost,
    /// How many cycles pass until nothing is wanted any more, every call succeeding at once.
    pub cycles: u32,
    /// Whether that came to pass within [`super::MAX_CYCLES`].
    pub is_at_rest: bool,
    /// The actions of all those cycles, by kind.
    pub actions: BTreeMap<String, u32>,
    /// How many machines needs moved to in all those cycles, because they are cheaper.
    pub moves: u32,
    /// What the fleet costs then, millionths of a dollar for an hour.
    pub cost_at_rest_microusd_per_hour: u64,
    /// What it costs once the machines that are idle then and paid by the hour have been given back, after their holds.
    pub cost_after_holds_microusd_per_hour: u64,
    /// How many needs are short then.
    pub short: u32,
    /// The same by reason.
    pub short_by_reason: BTreeMap<String, u32>,
}

/// How much a plan does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSize {
    /// Actions by kind: Bootstrap, Provision, Preempt, Reclaim, Delete.
    pub actions: BTreeMap<String, u32>,
    /// Actions that the limit on a plan's size leaves for the next.
    pub left_out: u32,
}

/// How a need fares on both sides, once they are at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedTurn {
    /// Which need.
    pub need: NeedRef,
    /// What it lacks without the changes; absent if it is not there.
    pub lacks_before: Option<Amounts>,
    /// What it lacks with the changes; absent if it is not there.
    pub lacks_after: Option<Amounts>,
    /// Why it is short with the changes; empty if it is not.
    pub reason_after: String,
}

/// A state from its first plan until it is at rest.
pub(super) struct Course {
    begin: Altered,
    first: Arc<Decision>,
    end: Altered,
    rest: Rest,
}

impl Course {
    pub(super) fn run(begin: Altered, engine: &mut Engine) -> Self {
        let first = engine.decide(&begin.view());
        let mut end = begin.clone();
        let rest = end.settle(engine, &first);
        Self { begin, first, end, rest }
    }

    fn side(&self) -> Side {
        let mut actions = BTreeMap::new();
        for action in self.first.plan.actions() {
            *actions.entry(action.kind.name().to_owned()).or_default() += 1;
        }
        let mut short_by_reason = BTreeMap::new();
        for verdict in self.rest.decision.shortfalls() {
            *short_by_reason.entry(reason(verdict)).or_default() += 1;
        }
        let view = self.begin.view();
        let at_rest = Cost::of(&self.end.fleet, &self.rest.decision).now_microusd_per_hour;
        Side {
            machines: view.fleet.len() as u64,
            needs: view.demand.len() as u64,
            plan: PlanSize { actions, left_out: self.first.left_out },
            cost: Cost::of(view.fleet, &self.first),
            cycles: self.rest.cycles,
            is_at_rest: self.rest.is_at_rest,
            actions: self.rest.actions.clone(),
            moves: self.rest.moves,
            cost_at_rest_microusd_per_hour: at_rest,
            cost_after_holds_microusd_per_hour: at_rest.saturating_sub(self.end.price_on_hold()),
            short: short_by_reason.values().sum(),
            short_by_reason,
        }
    }
}

/// What tells a need apart on both sides: its cluster, what it asks, its gang and fold.
type Name = (String, String, String);

/// What a need lacks, by dimension, and why.
struct Lack {
    need: NeedRef,
    amounts: Amounts,
    /// By dimension, to compare.
    sizes: BTreeMap<String, u64>,
    reason: String,
}

impl Outcome {
    pub(super) fn of(before: &Course, after: &Course) -> Self {
        let (mut worse, mut better) = turns(&lacks(before), &lacks(after));
        let precedence = |turn: &NeedTurn| (std::cmp::Reverse(turn.need.priority), turn.need.arrival_ms);
        worse.sort_by_key(precedence);
        better.sort_by_key(precedence);
        let (worse_total, better_total) = (count(worse.len()), count(better.len()));
        worse.truncate(MAX_NEEDS);
        better.truncate(MAX_NEEDS);
        Self {
            before: before.side(),
            after: after.side(),
            plan_diff: PlanDiff::between((&before.begin.fleet, &before.first), (&after.begin.fleet, &after.first)),
            worse,
            better,
            worse_total,
            better_total,
        }
    }
}

/// The needs that fare worse, and those that fare better.
fn turns(old: &BTreeMap<Name, Lack>, new: &BTreeMap<Name, Lack>) -> (Vec<NeedTurn>, Vec<NeedTurn>) {
    let (mut worse, mut better) = (Vec::new(), Vec::new());
    let nothing = BTreeMap::new();
    for (name, lack) in new {
        let before = old.get(name);
        let sizes = before.map_or(&nothing, |lack| &lack.sizes);
        let turn = || NeedTurn {
            need: lack.need.clone(),
            lacks_before: before.map(|lack| lack.amounts.clone()),
            lacks_after: Some(lack.amounts.clone()),
            reason_after: lack.reason.clone(),
        };
        match () {
            () if exceeds(&lack.sizes, sizes) => worse.push(turn()),
            () if exceeds(sizes, &lack.sizes) => better.push(turn()),
            () => {}
        }
    }
    for (_, lack) in old.iter().filter(|(name, lack)| !new.contains_key(*name) && !lack.sizes.is_empty()) {
        let (need, lacks_before) = (lack.need.clone(), Some(lack.amounts.clone()));
        better.push(NeedTurn { need, lacks_before, lacks_after: None, reason_after: String::new() });
    }
    (worse, better)
}

fn reason(verdict: &Verdict) -> String {
    verdict.unmet.map_or("unknown", Unmet::name).to_owned()
}

/// What each row lacks at rest. A folded row goes by its plain profile.
fn lacks(course: &Course) -> BTreeMap<Name, Lack> {
    let view = course.end.view();
    let words = &view.fleet.words;
    let mut found = BTreeMap::new();
    for verdict in &course.rest.decision.verdicts {
        let arrivals = verdict.rows.iter().filter_map(|key| view.demand.get(key)).map(|need| need.arrival.0);
        let need = NeedRef::of(&view, &verdict.key, arrivals.min().unwrap_or_default());
        let name = (need.cluster.clone(), need.fingerprint.clone(), format!("{}#{}", need.group, verdict.key.fold));
        let sizes = verdict.residual.iter().map(|(dim, amount)| (words.dim_name(dim).to_owned(), amount)).collect();
        let amounts = words.quantities(&verdict.residual).into_iter().collect();
        let is_short = !verdict.residual.is_zero();
        let reason = if is_short { reason(verdict) } else { String::new() };
        found.insert(name, Lack { need, amounts, sizes, reason });
    }
    found
}

/// Whether more is lacked in some dimension than before.
fn exceeds(more: &BTreeMap<String, u64>, less: &BTreeMap<String, u64>) -> bool {
    more.iter().any(|(dim, amount)| *amount > less.get(dim).copied().unwrap_or(0))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
