//! Phase 4: a need that is covered gets a cheaper machine in place of a dearer one. Off unless the view allows it.
//!
//! A step only *makes*: it acquires free machines for a row that lacks nothing, as many as can stand in for its dearest ones.
//! It breaks nothing. Once they serve, the credit prefers them by its keep order, the dearest are left over, and Phase 3 takes
//! them back as it takes back all surplus. Until all of that is over the row has machines of its own that it was not given, or that
//! do not serve yet, and is left alone: what is under way is read off the state.
//!
//! Why it comes to rest is said in docs/adr/0120-a-move-is-made-and-the-credit-breaks.md.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_model::money::effective_cost;
use argosy_model::{Bucket, ClusterIx, MicroUsd, Shape, ShapeIx, State};

use crate::consolidation::Consolidation;
use crate::cycle::Cycle;
use crate::draft::Draft;
use crate::hash::Lookup;
use crate::menus::MenuIx;
use crate::plan::Reason;
use crate::rows::{Row, RowIx};
use crate::standing::{Kind, Part};
use crate::supply::{ClassIx, Free};
use crate::yardstick::{Amounts, add, cover, redundant, useful};

/// A move in the making: so many machines of one class, for at least as many of the row's dearest.
struct Step {
    class: ClassIx,
    kind: Free,
    count: u32,
}

/// What is left of the limits, and what was learnt on the way.
struct Walk<'r> {
    rules: &'r Consolidation,
    /// By limit and domain.
    left: BTreeMap<(usize, Option<ClusterIx>), u32>,
    /// By menu: the lowest list price of anything that is free.
    cheapest: Lookup<MenuIx, Option<MicroUsd>>,
}

impl Walk<'_> {
    /// How many moves a cluster may make.
    fn room(&mut self, cluster: ClusterIx, cycle: &Cycle) -> u32 {
        let brakes = self.rules.brakes.iter().enumerate();
        let rooms = brakes.map(|(at, brake)| {
            let room = || brake.room(cluster, &cycle.view.fleet);
            *self.left.entry((at, brake.per.domain(cluster))).or_insert_with(room)
        });
        rooms.min().unwrap_or(u32::MAX)
    }

    fn spend(&mut self, cluster: ClusterIx, count: u32) {
        for (at, brake) in self.rules.brakes.iter().enumerate() {
            let left = self.left.get_mut(&(at, brake.per.domain(cluster))).expect("room was asked for");
            *left -= count;
        }
    }
}

impl Cycle {
    /// Lets rows that lack nothing move to cheaper machines, by precedence, as far as the limits go.
    pub(crate) fn consolidate(&mut self) {
        let Some(rules) = self.view.consolidation.take() else { return };
        let mut walk = Walk { rules: &rules, left: BTreeMap::new(), cheapest: Lookup::default() };
        for rank in 0..self.rows.order().len() {
            let row = self.rows.order()[rank];
            if let Some(step) = self.step(row, &mut walk) {
                walk.spend(self.row(row).key.cluster, step.count);
                self.make(row, &step);
            }
        }
        self.view.consolidation = Some(rules);
    }

    fn step(&mut self, row: RowIx, walk: &mut Walk<'_>) -> Option<Step> {
        if self.standing(row).kind != Kind::Plain || self.standing(row).claims.is_empty() {
            return None;
        }
        let dearest = self.dearest(row)?;
        let menu = self.standing(row).menu;
        let cheapest = *walk.cheapest.entry(menu).or_insert_with(|| self.cheapest_free(menu));
        if cheapest.is_none_or(|price| price >= self.supply.stock(dearest).price) || !self.is_settled(row) {
            return None;
        }
        let room = walk.room(self.row(row).key.cluster, self);
        if room == 0 { None } else { self.best_stand_in(row, dearest, room, walk.rules) }
    }

    /// The class of a row's machines that would go first, if going saves anything: owned and committed capacity is paid for, used
    /// or not.
    fn dearest(&self, row: RowIx) -> Option<ClassIx> {
        let classes = self.standing(row).claims.iter().map(|(class, _)| *class);
        let last = classes.max_by_key(|class| self.supply.stock(*class).keep_order())?;
        let shape = self.catalogue.shape(self.supply.stock(last).class.shape);
        shape.capacity_type.is_elastic().then_some(last)
    }

    fn cheapest_free(&self, menu: MenuIx) -> Option<MicroUsd> {
        let domains = self.menus.get(menu).domains.iter().filter(|domain| domain.free > 0);
        let lots = domains.flat_map(|domain| &domain.lots).filter(|lot| lot.free != [0; 2]);
        lots.map(|lot| lot.like.price).min()
    }

    /// Whether a row may be moved: alone under its claim, covered by nothing but its own machines that serve, all of which it has
    /// been given; nothing under way, nothing gained or lost in this cycle, and nobody pinned.
    pub(crate) fn is_settled(&self, row: RowIx) -> bool {
        let (asked, standing) = (self.row(row), self.standing(row));
        let is_pinned = [asked.profile.interruption, asked.profile.reclamation].contains(&Bucket::PINNED);
        let is_at_rest = standing.part == Part::Seeking
            && !standing.is_short()
            && standing.bootstraps + standing.provisions + standing.victims == 0;
        let account = self.supply.account(row);
        // What was preempted of its surplus is no longer left, nor with it.
        let is_with_row = |class: &ClassIx| {
            let stock = self.supply.stock(*class);
            let with_row = stock.claims.iter().find(|(holder, _)| *holder == row).map_or(0, |(_, count)| *count);
            stock.class.state == State::Configured && with_row == stock.total
        };
        let is_alone = self.supply.accounts.rows(account).len() == 1 && self.supply.accounts.loose(account) == 0;
        let is_kept = |(class, _): &(ClassIx, u32)| {
            self.supply.stock(*class).account == Some(account) && self.prey.taken_from(*class, row) == 0
        };
        asked.key.fold == 0
            && !is_pinned
            && is_at_rest
            && is_alone
            && self.view.demand.reporting(asked.key.cluster).heard
            && self.supply.owned(row).iter().all(is_with_row)
            && standing.claims.iter().all(is_kept)
    }

    /// The free machines that cost a row least, of those that save enough against its dearest: least cost, then list price, idle
    /// ones, shape first seen.
    fn best_stand_in(&mut self, row: RowIx, dearest: ClassIx, room: u32, rules: &Consolidation) -> Option<Step> {
        self.sort_menu(row);
        let (have, held) = self.held(row, dearest);
        let old = Arc::clone(self.catalogue.shape(self.supply.stock(dearest).class.shape));
        let (asked, standing) = (self.rows.get(row), &self.standings[row.at()]);
        let dear = cost(&old, true, asked);
        let goes = (standing.yard.measure(&old.resources), held);
        let mut best: Option<((u128, MicroUsd, Free, ShapeIx), Step)> = None;
        let menu = self.menus.get_mut(standing.menu);
        let lots = menu.domains.iter_mut().filter(|domain| domain.free > 0).flat_map(|domain| &mut domain.lots);
        for lot in lots.filter(|lot| lot.free != [0; 2] && lot.like.price < old.price) {
            let (have, goes, want) = (have.clone(), goes.clone(), standing.yard.want());
            let exchange = Exchange { have, want, goes, comes: lot.measure(&standing.yard) };
            for kind in [Free::Idle, Free::Speculative] {
                let Some(shape) = lot.head(kind, &self.supply).filter(|shape| self.contention.of_shape(*shape) == 0)
                else {
                    continue;
                };
                let price = cost(&lot.like, kind == Free::Speculative, asked);
                let merit = (price, lot.like.price, kind, shape);
                let is_better = best.as_ref().is_none_or(|(known, _)| merit < *known);
                let gain = dear.saturating_sub(price);
                if !is_better || !rules.is_worth(gain, asked.profile.reclamation.upper_bound()) {
                    continue;
                }
                let count = exchange.count(room.min(self.supply.free_left(shape, kind)));
                if count > 0 {
                    let class = self.supply.free(shape, kind).expect("an offer has a machine");
                    best = Some((merit, Step { class, kind, count }));
                }
            }
        }
        best.map(|(_, step)| step)
    }

    /// What a row's machines count for together, and how many of a class it has.
    fn held(&self, row: RowIx, of: ClassIx) -> (Amounts, u32) {
        let standing = self.standing(row);
        let (mut have, mut held) = (standing.yard.none(), 0);
        for (class, count) in &standing.claims {
            let (_, machine) = self.measure(row, *class).expect("what was claimed will do");
            add(&mut have, &machine, u64::from(*count));
            held += if *class == of { *count } else { 0 };
        }
        (have, held)
    }

    fn make(&mut self, row: RowIx, step: &Step) {
        self.remember_credit(row);
        self.supply.give_free(step.class, row, step.count, step.kind, &mut self.menus);
        let standing = self.standing_mut(row);
        match step.kind {
            Free::Idle => standing.bootstraps += step.count,
            Free::Speculative => standing.provisions += step.count,
        }
        self.draft(Draft::acquisition(Reason::Consolidate, row, vec![(step.class, step.count)]));
    }
}

/// What a machine of a shape adds to the bill of whoever has it for an hour, and what its interruption is expected to cost a row.
/// Owned and committed capacity that is there is paid for.
pub(crate) fn cost(shape: &Shape, is_bought: bool, row: &Row) -> u128 {
    let is_paid_for = !is_bought && !shape.capacity_type.is_elastic();
    let price = if is_paid_for { MicroUsd(0) } else { shape.price };
    effective_cost(price, shape.interruption, row.profile.interruption.upper_bound())
}

/// An exchange of machines of one kind for those of another.
struct Exchange<'e> {
    /// What all of a row's machines count for.
    have: Amounts,
    want: &'e Amounts,
    /// What one of those that go counts for, and how many there are.
    goes: (Amounts, u32),
    /// What one of those that come counts for.
    comes: Amounts,
}

impl Exchange<'_> {
    /// How many may go once so many have come.
    fn gone_for(&self, come: u32) -> u64 {
        let (goes, held) = &self.goes;
        let mut have = self.have.clone();
        add(&mut have, &self.comes, u64::from(come));
        redundant(&have, self.want, goes, u64::from(*held))
    }

    /// How many must come so that as many as possible can go, of `most` at the most, and no more than go. However few of them
    /// arrive, at least as many can go.
    fn count(&self, most: u32) -> u32 {
        let (mut fine, mut too_many) = (0, most.min(self.goes.1).saturating_add(1));
        // Where so many are no more than go for them, fewer are not either.
        while too_many - fine > 1 {
            let middle = fine + (too_many - fine) / 2;
            *(if self.gone_for(middle) >= u64::from(middle) { &mut fine } else { &mut too_many }) = middle;
        }
        let mut left = self.have.clone();
        cover(&mut left, &self.goes.0, self.gone_for(fine));
        let mut short = self.want.clone();
        cover(&mut short, &left, 1);
        u32::try_from(useful(&short, &self.comes)).unwrap_or(u32::MAX).min(fine)
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    fn count(have: u64, want: u64, goes: (u64, u32), comes: u64, most: u32) -> (u32, u64) {
        let want = smallvec![want];
        let exchange =
            Exchange { have: smallvec![have], want: &want, goes: (smallvec![goes.0], goes.1), comes: smallvec![comes] };
        let count = exchange.count(most);
        (count, exchange.gone_for(count))
    }

    #[test]
    fn equal_machines_are_exchanged_one_for_one() {
        assert_eq!(count(40, 40, (4, 10), 4, 100), (10, 10));
        assert_eq!(count(40, 40, (4, 10), 4, 3), (3, 3));
    }

    #[test]
    fn no_more_come_than_are_of_use() {
        assert_eq!(count(40, 40, (4, 10), 16, 100), (3, 10));
        assert_eq!(count(40, 40, (4, 10), 16, 1), (1, 4));
        assert_eq!(count(12, 10, (4, 3), 10, 100), (1, 3));
    }

    #[test]
    fn smaller_machines_come_as_far_as_what_is_over_allows() {
        assert_eq!(count(40, 37, (4, 10), 3, 100), (3, 3));
        assert_eq!(count(40, 40, (4, 10), 3, 100), (0, 0));
    }
}
