//! Candidates: the changes that are worth a trial, each kind from its least size on, none of it by more than a bounded list.

use argosy_model::{Flags, MachineIx, NeedKey, Operator, Shape, ShapeIx, State};

use crate::explain::words::{condition, machines};
use crate::explain::{Explainer, Filter, NeedExplanation, Rail, RemedyKind};
use crate::menu::Lot;
use crate::rows::RowIx;
use crate::standing::{Kind, Standing};
use crate::whatif::{AddMachines, ChangeNeed, FreeState, NeedSelector, Scenario};
use crate::yardstick::useful;

/// Most cordoned machines that are opened at once.
const MAX_UNCORDONED: usize = 64;
/// Most kinds of machines that are tried.
const MAX_OFFERS: usize = 3;
/// Most domains that a spread is filled up in.
const MAX_DOMAINS: usize = 8;
/// Most priorities that are tried.
const MAX_PRIORITIES: usize = 8;
/// Most conditions that are dropped, one at a time.
const MAX_CONDITIONS: usize = 4;
/// Most gangs of one folded row that are changed together.
const MAX_MEMBERS: usize = 16;
/// How many times the least number of machines is tried at the most.
const MOST_TIMES: u32 = 8;

/// What could be changed for a row.
pub(super) struct Candidates<'e> {
    explainer: &'e Explainer,
    explanation: &'e NeedExplanation,
    row: RowIx,
    standing: &'e Standing,
}

/// Machines that could be added: so many like each of these.
pub(super) struct MachineOffer {
    like: Vec<String>,
    what: String,
    pub(super) least: u32,
    pub(super) most: u32,
}

impl MachineOffer {
    pub(super) fn scenario(&self, count: u32) -> Scenario {
        let add = |like: &String| AddMachines {
            count,
            state: FreeState::Speculative,
            like: Some(like.clone()),
            ..AddMachines::default()
        };
        Scenario { add_machines: self.like.iter().map(add).collect(), ..Scenario::default() }
    }

    pub(super) fn summary(&self, count: u32) -> String {
        let each = if self.like.len() > 1 { " in each of its domains" } else { "" };
        format!("add {}{each} like {}{}", machines(count.into()), self.like.join(", "), self.what)
    }
}

impl<'e> Candidates<'e> {
    pub(super) fn of(explainer: &'e Explainer, row: RowIx, explanation: &'e NeedExplanation) -> Self {
        Self { explainer, explanation, row, standing: explainer.cycle.standing(row) }
    }

    /// The rails in its way that an administrator can lift.
    pub(super) fn rails(&self) -> Option<(String, Scenario)> {
        let rails = self.explanation.rails.iter().copied().filter(|rail| *rail != Rail::Quarantine);
        let lift_rails: Vec<Rail> = rails.collect();
        let names: Vec<&str> = lift_rails.iter().map(|rail| rail.name()).collect();
        let summary = format!("lift {}", names.join(" and "));
        (!lift_rails.is_empty()).then(|| (summary, Scenario { lift_rails, ..Scenario::default() }))
    }

    /// Its needs asked for anew, where something is remembered that holds it back.
    pub(super) fn renewal(&self) -> Option<Scenario> {
        let is_held_back = self.explanation.part == "parked" || self.explanation.part == "retreating";
        is_held_back.then(|| self.change(&ChangeNeed { renew: true, ..ChangeNeed::default() })).flatten()
    }

    /// One change made to every need that the row stands for; `None` if those are too many.
    fn change(&self, change: &ChangeNeed) -> Option<Scenario> {
        let members = &self.explainer.cycle.row(self.row).members;
        let view = self.explainer.view();
        let one = |key: &NeedKey| ChangeNeed { need: NeedSelector::exactly(&view, key), ..change.clone() };
        let change_needs = || members.iter().map(|(key, _)| one(key)).collect();
        (members.len() <= MAX_MEMBERS).then(|| Scenario { change_needs: change_needs(), ..Scenario::default() })
    }

    /// Free machines that would do and that only a cordon keeps out, by class and slot.
    pub(super) fn cordoned(&self) -> Vec<String> {
        let cycle = &self.explainer.cycle;
        let menu = cycle.menus.get(self.standing.menu);
        let fleet = &cycle.view.fleet;
        let only_cordoned = |flags: Flags| !flags.is_usable() && flags.with(Flags::CORDONED, false).is_usable();
        let classes = fleet.classes().iter().filter(|(class, _)| {
            let is_free = matches!(class.state, State::Idle | State::Speculative);
            is_free && only_cordoned(class.flags) && menu.place_of(class.shape).is_some()
        });
        let machines = classes.flat_map(|(_, members)| members.iter());
        machines.take(MAX_UNCORDONED).map(|ix| fleet.id(*ix).to_owned()).collect()
    }

    /// The kinds of machines that would cover most for their price, in the domain that matters; for a spread one kind in
    /// each domain.
    pub(super) fn machines(&self) -> Vec<MachineOffer> {
        let menu = self.explainer.cycle.menus.get(self.standing.menu);
        if self.standing.kind == Kind::Spread {
            let by_domain = menu.domains.iter().filter_map(|domain| self.best(&domain.lots).first().copied());
            let lots: Vec<&Lot> = by_domain.take(MAX_DOMAINS).collect();
            let domains = u32::try_from(lots.len()).expect("a bounded list").max(1);
            return self.offer(&lots, domains).into_iter().collect();
        }
        let nearest = self.nearest();
        let lots = menu.domains.iter().enumerate().filter(|(at, _)| nearest.is_none_or(|nearest| nearest == *at));
        let lots: Vec<&Lot> = lots.flat_map(|(_, domain)| &domain.lots).collect();
        self.best(lots).into_iter().take(MAX_OFFERS).filter_map(|lot| self.offer(&[lot], 1)).collect()
    }

    /// The domain that comes nearest to hosting a row with `Same`.
    fn nearest(&self) -> Option<usize> {
        let menu = self.explainer.cycle.menus.get(self.standing.menu);
        let first = self.explainer.verdict(self.row).candidates.first().map(|candidate| Some(candidate.domain));
        let held = self.standing.domain.filter(|_| self.standing.is_same() && self.standing.claimed() > 0);
        held.or_else(|| menu.domains.iter().position(|domain| Some(domain.value) == first))
    }

    /// Lots that help, by price for what they cover.
    fn best<'l>(&self, lots: impl IntoIterator<Item = &'l Lot>) -> Vec<&'l Lot> {
        let cover =
            |lot: &Lot| self.standing.yard.cover_of_short(&self.standing.short, &lot.measure(&self.standing.yard));
        let mut helping: Vec<(u128, &Lot)> =
            lots.into_iter().map(|lot| (cover(lot), lot)).filter(|(cover, _)| *cover > 0).collect();
        let price = |lot: &Lot| u128::from(lot.like.price.0);
        helping.sort_by(|(a, one), (b, other)| {
            // Prices stay below 2^64 and covers below 2^40.
            (price(one) * b).cmp(&(price(other) * a)).then(b.cmp(a)).then(one.shapes.cmp(&other.shapes))
        });
        helping.into_iter().map(|(_, lot)| lot).collect()
    }

    fn offer(&self, lots: &[&Lot], domains: u32) -> Option<MachineOffer> {
        let like: Vec<String> = lots.iter().filter_map(|lot| self.example(lot)).collect();
        let first = lots.first().filter(|_| !like.is_empty())?;
        let needed = useful(&self.standing.short, &first.measure(&self.standing.yard));
        let needed = u32::try_from(needed).ok()?.div_ceil(domains).max(1);
        // A gang that holds nothing lacks everything, though there may be free machines for a part of it.
        let least = if self.standing.kind == Kind::Gang { 1 } else { needed };
        let most = needed.saturating_mul(MOST_TIMES);
        Some(MachineOffer { like, what: self.what(lots, &first.like), least, most })
    }

    /// Some machine of a lot, to be named as an example.
    fn example(&self, lot: &Lot) -> Option<String> {
        let fleet = &self.explainer.cycle.view.fleet;
        let is_listed = |shape: &ShapeIx| lot.shapes.contains(shape);
        let of_lot =
            fleet.classes().iter().filter(|(class, _)| class.state != State::Failed && is_listed(&class.shape));
        let first: Option<&MachineIx> = of_lot.flat_map(|(_, members)| members.iter().next()).min();
        first.map(|ix| fleet.id(*ix).to_owned())
    }

    fn what(&self, lots: &[&Lot], like: &Shape) -> String {
        let words = &self.explainer.cycle.view.fleet.words;
        let kind = like.instance_type.map(|kind| words.text(kind).to_owned());
        let zone = like.zone.filter(|_| lots.len() == 1).map(|zone| format!("in {}", words.text(zone)));
        let known: Vec<String> = kind.into_iter().chain(zone).collect();
        if known.is_empty() { String::new() } else { format!(" ({})", known.join(" ")) }
    }

    /// One above each of those who are ahead, the lowest first.
    pub(super) fn priorities(&self) -> Vec<(i32, Scenario)> {
        let ahead = self.explanation.ahead.first.iter().map(|claimant| claimant.need.priority);
        let mut above: Vec<i32> =
            ahead.filter(|priority| *priority >= self.standing.priority).filter_map(|p| p.checked_add(1)).collect();
        above.sort_unstable();
        above.dedup();
        let raised = |priority| self.change(&ChangeNeed { priority: Some(priority), ..ChangeNeed::default() });
        above.into_iter().take(MAX_PRIORITIES).filter_map(|p| Some((p, raised(p)?))).collect()
    }

    /// What it could ask less of machines.
    pub(super) fn relaxations(&self) -> Vec<(RemedyKind, String, Scenario)> {
        let mut changes = Vec::new();
        if self.standing.kind == Kind::Spread {
            let change = ChangeNeed { drop_spread: true, ..ChangeNeed::default() };
            changes.push((RemedyKind::DropSpread, "drop its spread".to_owned(), change));
        }
        if self.standing.is_same() {
            let change = ChangeNeed { drop_same: true, ..ChangeNeed::default() };
            changes.push((RemedyKind::DropSame, "let its machines lie in several domains".to_owned(), change));
        }
        for (key, condition) in self.conditions() {
            let change = ChangeNeed { drop_conditions: vec![key], ..ChangeNeed::default() };
            changes.push((RemedyKind::DropCondition, format!("drop its condition {condition}"), change));
        }
        let scenario = |(kind, summary, change)| Some((kind, summary, self.change(&change)?));
        changes.into_iter().filter_map(scenario).collect()
    }

    /// The conditions that keep most machines out: the key, and the condition in words.
    fn conditions(&self) -> Vec<(String, String)> {
        let words = &self.explainer.cycle.view.fleet.words;
        let requirements = self.explainer.cycle.row(self.row).profile.requirements();
        let removed = |text: &str| {
            let of_it = self.explanation.removed.iter().find(|r| r.filter == Filter::Requirement && r.detail == text);
            of_it.map_or(0, |removed| removed.machines)
        };
        let mut found: Vec<(u64, String, String)> = requirements
            .iter()
            .filter(|requirement| requirement.operator != Operator::Same)
            .map(|requirement| (words.text(requirement.key).to_owned(), condition(words, requirement)))
            .map(|(key, text)| (removed(&text), key, text))
            .filter(|(machines, _, _)| *machines > 0)
            .collect();
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        found.into_iter().take(MAX_CONDITIONS).map(|(_, key, text)| (key, text)).collect()
    }
}
