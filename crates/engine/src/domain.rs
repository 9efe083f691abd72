//! Topology domains: where a row with `Same` is put together. One strict total order, one choice per row and cycle.
//!
//! In order: the domain whose machines (the cluster's own and the free ones) cover the row; among those the one where the
//! cluster's own machines cover most, then where the row's own cover most, then the tightest fit. If no domain covers it:
//! the one that does so with machines that may be preempted; then the one that covers most, by all machines, then by the
//! cluster's own, so that moving takes strictly more. Last: more machines, and the value that sorts first. Coverage is
//! capped, so that slack never counts for anything.

use std::cmp::Reverse;

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

/// What one domain has for a row.
#[derive(Clone, Debug)]
struct Prospect {
    domain: usize,
    /// Machines of the cluster that can be given to the row.
    creditable: Amounts,
    /// Those among them that were acquired for it.
    own: Amounts,
    /// Those and free ones.
    joint: Amounts,
    /// Those, free ones and machines of lower priority.
    reachable: Amounts,
    machines: u64,
}

impl Cycle<'_> {
    /// Chooses a domain for a row, and notes whether it can host the row. `None` if no domain has anything for it.
    pub(crate) fn choose_domain(&mut self, row: RowIx, scope: Scope) -> Option<usize> {
        let mut prospects = self.prospects_of_bound(row);
        if scope != Scope::Bound {
            self.add_free(row, &mut prospects, scope);
        }
        for prospect in &mut prospects {
            prospect.reachable = prospect.joint.clone();
        }
        let want = self.standing(row).yard.want().clone();
        if scope == Scope::Everything && !prospects.iter().any(|p| covers(&p.joint, &want)) {
            self.add_prey(row, &mut prospects);
        }
        prospects.retain(|p| p.machines > 0);
        let best = prospects.iter().max_by_key(|p| self.merit(row, p))?;
        let standing = &mut self.standings[row.at()];
        standing.has_host = covers(&best.reachable, standing.yard.want());
        Some(best.domain)
    }

    fn merit<'b>(&'b self, row: RowIx, p: &Prospect) -> impl Ord + use<'b> {
        let standing = self.standing(row);
        let yard = &standing.yard;
        let value =
            self.menus.get(standing.menu).domains[p.domain].value.map(|value| self.view.fleet.words.text(value));
        let rest = (p.machines, Reverse(value));
        let ranks = if covers(&p.joint, yard.want()) {
            (2, yard.coverage(&p.creditable), yard.coverage(&p.own), u128::MAX - yard.total(&p.joint))
        } else {
            let tier = u8::from(covers(&p.reachable, yard.want()));
            (tier, yard.coverage(&p.joint), yard.coverage(&p.creditable), yard.coverage(&p.reachable))
        };
        (ranks, rest)
    }

    fn prospects_of_bound(&mut self, row: RowIx) -> Vec<Prospect> {
        let keep = self.keep_list(row);
        let standing = self.standing(row);
        let none: Amounts = standing.yard.want().iter().map(|_| 0).collect();
        let count = self.menus.get(standing.menu).domains.len();
        let empty = |domain| Prospect {
            domain,
            creditable: none.clone(),
            own: none.clone(),
            joint: none.clone(),
            reachable: none.clone(),
            machines: 0,
        };
        let mut prospects: Vec<Prospect> = (0..count).map(empty).collect();
        let account = self.supply.account(row);
        let coming = self.supply.owned(row).iter().filter(|ix| crate::credit::is_coming(&self.supply, **ix));
        for class in keep.iter().chain(coming) {
            let stock = self.supply.stock(*class);
            let Some((domain, machine)) = self.measure(row, *class).filter(|_| stock.left > 0) else { continue };
            let (count, prospect) = (u64::from(stock.left), &mut prospects[domain]);
            add(&mut prospect.creditable, &machine, count);
            add(&mut prospect.joint, &machine, count);
            if stock.account == Some(account) {
                add(&mut prospect.own, &machine, count);
            }
            prospect.machines += count;
        }
        prospects
    }

    fn add_free(&self, row: RowIx, prospects: &mut [Prospect], scope: Scope) {
        let standing = self.standing(row);
        for (at, domain) in self.menus.get(standing.menu).domains.iter().enumerate() {
            for lot in &domain.lots {
                let machine = lot.measure(&standing.yard);
                let free = lot.shapes.iter().flat_map(|shape| self.free_of(*shape));
                let count: u64 = free.map(|(class, left)| self.uncounted(class, left, scope)).sum();
                add(&mut prospects[at].joint, &machine, count);
                prospects[at].machines += count;
            }
        }
    }

    fn free_of(&self, shape: argosy_model::ShapeIx) -> impl Iterator<Item = (ClassIx, u32)> + '_ {
        [Free::Idle, Free::Speculative].into_iter().filter_map(move |kind| {
            let class = self.supply.free(shape, kind)?;
            Some((class, self.supply.stock(class).left))
        })
    }

    fn uncounted(&self, class: ClassIx, left: u32, scope: Scope) -> u64 {
        let counted_on = match scope {
            Scope::BoundAndFree => self.counted_on.get(&class).copied().unwrap_or(0),
            Scope::Bound | Scope::Everything => 0,
        };
        u64::from(left.saturating_sub(counted_on))
    }

    fn add_prey(&mut self, row: RowIx, prospects: &mut [Prospect]) {
        for (domain, machine, count) in self.reachable_prey(row) {
            add(&mut prospects[domain].reachable, &machine, count);
            prospects[domain].machines += count;
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
