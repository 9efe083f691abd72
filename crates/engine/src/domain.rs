//! Topology domains: where a row with `Same` is put together. One strict total order, one choice per row and cycle.
//!
//! In order: the domain whose machines (the cluster's own and the free ones) cover the row; among those the one where the
//! cluster's own machines cover most, then where the row's own cover most, then, unless the cluster's own are enough, the
//! tightest fit. If no domain covers it:
//! the one that does so with machines that may be preempted; then the one that covers most, by all machines, then by the
//! cluster's own, so that moving takes strictly more. Last: more machines, and the value that sorts first. Coverage is
//! capped, so that slack never counts for anything.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use argosy_model::ShapeIx;

use crate::cycle::Cycle;
use crate::rows::RowIx;
use crate::supply::{ClassIx, Free};
use crate::yardstick::{Amounts, add, covers, useful};

/// Which supply counts when a domain is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What serves the cluster or is on its way.
    Bound,
    /// That, and free machines that no row before counts on.
    BoundAndFree,
    /// That, free machines as they are, and machines of lower priority.
    Everything,
}

/// Machines of the cluster in one domain.
struct Bound {
    /// Those that can be given to the row.
    creditable: Amounts,
    /// Those among them that were acquired for it.
    own: Amounts,
    machines: u64,
}

/// What one domain has for a row.
struct Prospect {
    domain: usize,
    /// Machines of the cluster and free ones.
    joint: Amounts,
    /// Those and machines of lower priority.
    reachable: Amounts,
    machines: u64,
}

/// How good a domain is; the best is the greatest. What each number means depends on the first.
type Merit = (u8, u128, u128, u128, u64, Reverse<u32>);

impl Cycle {
    /// Chooses a domain for a row, and notes whether it can host the row. `None` if no domain has anything for it.
    pub(crate) fn choose_domain(&mut self, row: RowIx, scope: Scope) -> Option<usize> {
        let is_plain_choice = scope == Scope::Everything && self.standing(row).yard.is_in_pieces();
        let chosen = if is_plain_choice && self.is_nothing_bound(row) { self.choose_free_domain(row) } else { None };
        if let Some(chosen) = chosen {
            return chosen;
        }
        let bound = self.bound_by_domain(row);
        if self.standing(row).yard.is_in_pieces()
            && let Some(chosen) = self.choose_among_few(row, &bound, scope)
        {
            return chosen;
        }
        let all = 0..self.menus.get(self.standing(row).menu).domains.len();
        let mut prospects = self.prospects(row, &bound, scope, all);
        let want = self.standing(row).yard.want();
        if scope == Scope::Everything && !prospects.iter().any(|p| covers(&p.joint, want)) {
            self.add_prey(row, &mut prospects);
        }
        self.choose_best(row, &bound, &prospects)
    }

    /// Domains other than `tried` that could host a row in its turn, best first: by what is free there, or else with prey.
    pub(crate) fn hosts_but(&mut self, row: RowIx, tried: &BTreeSet<usize>) -> Vec<usize> {
        let bound = self.bound_by_domain(row);
        let all = 0..self.menus.get(self.standing(row).menu).domains.len();
        let others = all.filter(|domain| !tried.contains(domain));
        let mut prospects = self.prospects(row, &bound, Scope::Everything, others);
        let want = self.standing(row).yard.want();
        if !prospects.iter().any(|p| covers(&p.joint, want)) {
            self.add_prey(row, &mut prospects);
            prospects.retain(|p| !tried.contains(&p.domain));
        }
        let want = self.standing(row).yard.want();
        let is_by_itself = prospects.iter().any(|p| covers(&p.joint, want));
        prospects.retain(|p| covers(if is_by_itself { &p.joint } else { &p.reachable }, want));
        prospects.sort_by_cached_key(|p| Reverse(self.merit(row, p, bound.get(&p.domain))));
        prospects.iter().map(|p| p.domain).collect()
    }

    fn choose_best(&mut self, row: RowIx, bound: &BTreeMap<usize, Bound>, prospects: &[Prospect]) -> Option<usize> {
        let best = prospects.iter().max_by_key(|p| self.merit(row, p, bound.get(&p.domain)))?;
        let standing = &mut self.standings[row.at()];
        standing.has_host = covers(&best.reachable, standing.yard.want());
        Some(best.domain)
    }

    /// The same choice with a look at few domains: those where the cluster has something or others count on something, and of all
    /// others, told apart by what is free alone, the tightest that would do and the fullest that would not. `None` if it takes a closer look.
    fn choose_among_few(&mut self, row: RowIx, bound: &BTreeMap<usize, Bound>, scope: Scope) -> Option<Option<usize>> {
        let standing = self.standing(row);
        let (menu, want) = (standing.menu, standing.yard.want()[0]);
        let mut few: BTreeSet<usize> = bound.keys().copied().collect();
        if scope == Scope::BoundAndFree {
            let shapes = self.counted_on.keys().map(|class| self.supply.stock(*class).class.shape);
            few.extend(shapes.filter_map(|shape| Some(self.menus.get(menu).place_of(shape)?.domain as usize)));
        }
        let mut others = [None; 2];
        if scope != Scope::Bound {
            let hosts = self.menus.get_mut(menu).hosts();
            others = [hosts.tightest_but(want, &few), hosts.fullest_but(want, &few)];
        }
        let prospects = self.prospects(row, bound, scope, few.into_iter().chain(others.into_iter().flatten()));
        let is_hosted = || prospects.iter().any(|p| covers(&p.joint, self.standing(row).yard.want()));
        if scope == Scope::Everything && !is_hosted() && self.is_prey_open(row) {
            return None;
        }
        Some(self.choose_best(row, bound, &prospects))
    }

    /// The same choice for a row whose cluster has nothing for it, read off the order of domains: the tightest that holds
    /// it whole, or else, if nothing can be preempted, the fullest. `None` if it takes a closer look.
    fn choose_free_domain(&mut self, row: RowIx) -> Option<Option<usize>> {
        let standing = &mut self.standings[row.at()];
        let hosts = self.menus.get_mut(standing.menu).hosts();
        if let Some(tightest) = hosts.tightest(standing.yard.want()[0]) {
            standing.has_host = true;
            return Some(Some(tightest));
        }
        let fullest = hosts.fullest();
        if self.is_prey_open(row) {
            return None;
        }
        if fullest.is_some() {
            self.standing_mut(row).has_host = false;
        }
        Some(fullest)
    }

    fn merit(&self, row: RowIx, p: &Prospect, bound: Option<&Bound>) -> Merit {
        let standing = self.standing(row);
        let yard = &standing.yard;
        let by_name = Reverse(self.menus.get(standing.menu).domains[p.domain].by_name);
        let creditable = bound.map_or(0, |bound| yard.coverage(&bound.creditable));
        if covers(&p.joint, yard.want()) {
            let own = bound.map_or(0, |bound| yard.coverage(&bound.own));
            if bound.is_some_and(|bound| covers(&bound.creditable, yard.want())) {
                // How much more is bound there changes with every machine that other rows get or lose.
                return (2, creditable, own, u128::MAX, u64::MAX, by_name);
            }
            (2, creditable, own, u128::MAX - yard.total(&p.joint), p.machines, by_name)
        } else {
            let tier = u8::from(covers(&p.reachable, yard.want()));
            (tier, yard.coverage(&p.joint), creditable, yard.coverage(&p.reachable), p.machines, by_name)
        }
    }

    fn bound_by_domain(&mut self, row: RowIx) -> BTreeMap<usize, Bound> {
        let in_reach = self.in_reach(row);
        let none = self.standing(row).yard.none();
        let account = self.supply.account(row);
        let mut found: BTreeMap<usize, Bound> = BTreeMap::new();
        for class in &in_reach {
            let count = u64::from(self.within(row, *class));
            let Some((domain, machine)) = self.measure(row, *class) else { continue };
            let empty = || Bound { creditable: none.clone(), own: none.clone(), machines: 0 };
            let bound = found.entry(domain).or_insert_with(empty);
            add(&mut bound.creditable, &machine, count);
            if self.supply.stock(*class).account == Some(account) {
                add(&mut bound.own, &machine, count);
            }
            bound.machines += count;
        }
        found
    }

    /// Those of some domains that have something for a row.
    fn prospects(
        &self,
        row: RowIx,
        bound: &BTreeMap<usize, Bound>,
        scope: Scope,
        domains: impl Iterator<Item = usize>,
    ) -> Vec<Prospect> {
        let yard = &self.standing(row).yard;
        let none = yard.none();
        let mut prospects = Vec::new();
        let menu = self.menus.get(self.standing(row).menu);
        for (at, domain) in domains.map(|at| (at, &menu.domains[at])) {
            let (mut joint, mut machines) = (none.clone(), 0);
            if let Some(bound) = bound.get(&at) {
                add(&mut joint, &bound.creditable, 1);
                machines += bound.machines;
            }
            let is_free_meant = scope != Scope::Bound && domain.free > 0;
            for lot in domain.lots.iter().filter(|_| is_free_meant) {
                let of_shape = |shape: &ShapeIx| -> u64 {
                    self.free_of(*shape).map(|(class, left)| self.uncounted(class, left, scope)).sum()
                };
                let count: u64 = lot.shapes.iter().map(of_shape).sum();
                if count > 0 {
                    add(&mut joint, &lot.measure(yard), count);
                    machines += count;
                }
            }
            if machines > 0 {
                prospects.push(Prospect { domain: at, reachable: joint.clone(), joint, machines });
            }
        }
        prospects
    }

    fn free_of(&self, shape: ShapeIx) -> impl Iterator<Item = (ClassIx, u32)> + '_ {
        [Free::Idle, Free::Speculative].into_iter().filter_map(move |kind| {
            let class = self.supply.free(shape, kind)?;
            Some((class, self.supply.stock(class).left))
        })
    }

    fn uncounted(&self, class: ClassIx, left: u32, scope: Scope) -> u64 {
        let is_counted = scope == Scope::BoundAndFree;
        let counted_on = if is_counted { self.counted_on.get(&class).copied().unwrap_or(0) } else { 0 };
        u64::from(left.saturating_sub(counted_on))
    }

    /// Adds what could be preempted, also in domains that have nothing else.
    fn add_prey(&mut self, row: RowIx, prospects: &mut Vec<Prospect>) {
        let none = self.standing(row).yard.none();
        for (domain, machine, count) in self.reachable_prey(row) {
            let at = prospects.binary_search_by_key(&domain, |p| p.domain).unwrap_or_else(|at| {
                prospects.insert(at, Prospect { domain, joint: none.clone(), reachable: none.clone(), machines: 0 });
                at
            });
            add(&mut prospects[at].reachable, &machine, count);
            prospects[at].machines += count;
        }
    }

    /// Counts on free machines of a row's domain for what it still lacks, so that later rows rank on what is left.
    pub(crate) fn count_on_free(&mut self, row: RowIx) {
        let standing = self.standing(row);
        let Some(domain) = standing.domain else { return };
        let mut short = standing.short.clone();
        let mut counted: Vec<(ClassIx, u32)> = Vec::new();
        for lot in &self.menus.get(standing.menu).domains[domain].lots {
            let machine = lot.measure(&standing.yard);
            for (class, left) in lot.shapes.iter().flat_map(|shape| self.free_of(*shape)) {
                let left = self.uncounted(class, left, Scope::BoundAndFree);
                let count = useful(&short, &machine).min(left);
                crate::yardstick::cover(&mut short, &machine, count);
                counted.push((class, u32::try_from(count).expect("no more than are left")));
            }
        }
        for (class, count) in counted {
            *self.counted_on.entry(class).or_default() += count;
        }
    }
}
