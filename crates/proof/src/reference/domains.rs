//! Which domain a row with `Same` is put together in: one strict total order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use argosy_model::Sym;

use super::Cycle;
use super::measure::{self, Amounts, covers};
use crate::plant::{self, Plant};

/// Which supply counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// What serves the cluster or comes to the row.
    Bound,
    /// That, and free machines that no row before counts on.
    BoundAndFree,
    /// That, all free machines, and what may be preempted.
    Everything,
}

/// What one domain has for a row.
struct Prospect {
    creditable: Amounts,
    own: Amounts,
    joint: Amounts,
    reachable: Amounts,
    machines: u64,
}

impl Cycle<'_> {
    /// Chooses a domain that is not `tried`, and notes whether it can host the row; `None` if no domain has anything.
    pub(super) fn choose_domain(&mut self, row: usize, scope: Scope, tried: &BTreeSet<Sym>) -> Option<Sym> {
        let mut prospects = self.prospects(row, scope);
        prospects.retain(|place, _| !tried.contains(place));
        let want = self.rows[row].measure.want.clone();
        if scope == Scope::Everything && !prospects.values().any(|p| covers(&p.joint, &want)) {
            self.add_prey(row, &mut prospects);
            prospects.retain(|place, _| !tried.contains(place));
        }
        let words = &self.view.fleet.words;
        let best = prospects.iter().max_by_key(|(place, p)| (self.merit(row, p), Reverse(words.text(**place))));
        let (place, prospect) = best?;
        self.rows[row].has_host = covers(&prospect.reachable, &want);
        Some(*place)
    }

    fn merit(&self, row: usize, p: &Prospect) -> (u8, u128, u128, u128, u64) {
        let measure = &self.rows[row].measure;
        let covers_all = covers(&p.joint, &measure.want);
        let is_blind = plant::is(if covers_all { Plant::TidierDomainFirst } else { Plant::NotSticky });
        let held = |amounts: &Amounts| if is_blind { 0 } else { measure.coverage(amounts) };
        let creditable = held(&p.creditable);
        if covers_all && covers(&p.creditable, &measure.want) && !plant::is(Plant::BoundSlackCounts) {
            return (2, creditable, held(&p.own), u128::MAX, u64::MAX);
        }
        if covers_all {
            return (2, creditable, held(&p.own), u128::MAX - measure.total(&p.joint), p.machines);
        }
        let tier = u8::from(covers(&p.reachable, &measure.want));
        (tier, measure.coverage(&p.joint), creditable, measure.coverage(&p.reachable), p.machines)
    }

    fn prospects(&self, row: usize, scope: Scope) -> BTreeMap<Sym, Prospect> {
        let mut found = BTreeMap::new();
        let mut bound = self.bound(row);
        bound.extend(self.own(row).into_iter().filter(|pile| self.piles[*pile].is_coming()));
        for pile in 0..self.piles.len() {
            let is_bound = bound.contains(&pile);
            let counts = is_bound || (self.piles[pile].is_free() && scope != Scope::Bound);
            let Some(fit) = self.fit(row, pile).filter(|_| counts) else { continue };
            let counted_on = if scope == Scope::BoundAndFree { self.piles[pile].counted_on } else { 0 };
            let count = u64::from(self.piles[pile].left.saturating_sub(counted_on));
            if count == 0 {
                continue;
            }
            let prospect = self.prospect(row, &mut found, fit.place);
            if is_bound {
                measure::add(&mut prospect.creditable, &fit.amounts, count);
                if self.is_own(row, pile) {
                    measure::add(&mut prospect.own, &fit.amounts, count);
                }
            }
            measure::add(&mut prospect.joint, &fit.amounts, count);
            measure::add(&mut prospect.reachable, &fit.amounts, count);
            prospect.machines += count;
        }
        found
    }

    fn prospect<'p>(&self, row: usize, found: &'p mut BTreeMap<Sym, Prospect>, place: Option<Sym>) -> &'p mut Prospect {
        let none = || self.rows[row].measure.none();
        let empty = || Prospect { creditable: none(), own: none(), joint: none(), reachable: none(), machines: 0 };
        found.entry(place.expect("Same names its domains")).or_insert_with(empty)
    }

    /// Adds what may be preempted for a row.
    fn add_prey(&mut self, row: usize, prospects: &mut BTreeMap<Sym, Prospect>) {
        self.list_prey();
        for at in self.hunt(row) {
            let prey = &self.prey()[at];
            let Some(fit) = self.open_to(row, prey) else { continue };
            let count = u64::from(self.prey_left(prey));
            let prospect = self.prospect(row, prospects, fit.place);
            measure::add(&mut prospect.reachable, &fit.amounts, count);
            prospect.machines += count;
        }
    }

    /// Counts on free machines of a row's domain for what it lacks, so that later rows rank on what is left: the cheapest
    /// first, then the safest, what is not elastic, the smallest, the shape seen first, the idle one.
    pub(super) fn count_on_free(&mut self, row: usize) {
        if plant::is(Plant::NothingCountedOn) {
            return;
        }
        let mut free: Vec<usize> = (0..self.piles.len()).filter(|pile| self.piles[*pile].is_free()).collect();
        free.retain(|pile| self.fit(row, *pile).is_some_and(|fit| fit.place == self.rows[row].domain));
        free.sort_by_key(|at| {
            let pile = &self.piles[*at];
            let shape = pile.shape;
            let terms = (shape.price, shape.interruption, shape.capacity_type.is_elastic(), &shape.resources);
            (terms, pile.class.shape, Reverse(pile.class.state))
        });
        let mut short = self.rows[row].short.clone();
        for pile in free {
            let amounts = self.fit(row, pile).expect("it will do").amounts.clone();
            let left = self.piles[pile].left.saturating_sub(self.piles[pile].counted_on);
            let count = measure::of_use(&short, &amounts).min(u64::from(left));
            measure::subtract(&mut short, &amounts, count);
            self.piles[pile].counted_on += u32::try_from(count).expect("no more than are left");
        }
    }
}
