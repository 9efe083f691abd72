//! Phase 4: cheaper machines for rows that lack nothing, in place of their dearest.

use std::collections::BTreeMap;

use argosy_engine::consolidation::{Brake, Most, Per};
use argosy_engine::{Consolidation, Reason};
use argosy_model::{Bucket, ClusterIx, State};

use super::measure::{Amounts, add, covers, subtract};
use super::rows::Part;
use super::{Cycle, Draft};
use crate::plant::{self, Plant};

impl Cycle<'_> {
    /// By precedence, each row that may be moved gets what stands in best for its dearest machines.
    pub(super) fn consolidate(&mut self) {
        let Some(rules) = self.view.consolidation else { return };
        let mut moved: BTreeMap<ClusterIx, u32> = BTreeMap::new();
        for row in 0..self.rows.len() {
            let cluster = self.rows[row].key.cluster;
            let Some(dearest) = self.dearest(row).filter(|_| self.may_be_moved(row)) else { continue };
            let rooms = rules.brakes.iter().map(|brake| self.room_for(brake, cluster, &moved));
            let room = rooms.min().unwrap_or(u32::MAX);
            let Some((pile, count)) = self.stand_in(row, dearest, room, rules) else { continue };
            *moved.entry(cluster).or_default() += count;
            self.give(pile, row, count);
            match self.piles[pile].class.state {
                State::Idle => self.rows[row].bootstraps += count,
                _ => self.rows[row].provisions += count,
            }
            let victims = Vec::new();
            self.drafts.push(Draft { reason: Reason::Consolidate, row, picks: vec![(pile, count)], victims });
        }
    }

    /// How many more moves a limit lets a cluster make in this plan.
    fn room_for(&self, brake: &Brake, cluster: ClusterIx, moved: &BTreeMap<ClusterIx, u32>) -> u32 {
        if plant::is(Plant::MoveBudgetIgnored) {
            return u32::MAX;
        }
        let is_within = |other: ClusterIx| brake.per == Per::Shard || other == cluster;
        let domain = (brake.per == Per::Cluster).then_some(cluster);
        let serving = self.view.fleet.iter().filter(|(_, machine)| machine.state == State::Configured);
        let serving = serving.filter(|(_, machine)| machine.cluster().is_some_and(is_within)).count() as u64;
        let fresh = match brake.most {
            Most::Count(count) => count,
            Most::Ppm(ppm) => u32::try_from((serving * u64::from(ppm)).div_ceil(1_000_000)).expect("few machines"),
        };
        let spent: u32 = moved.iter().filter(|(other, _)| is_within(**other)).map(|(_, count)| count).sum();
        brake.left.get(&domain).copied().unwrap_or(fresh) - spent
    }

    /// Alone under its claim, covered by nothing but its own machines, all of which serve and are with it; nothing gained or lost in
    /// this plan; free to lie anywhere, and not pinned.
    fn may_be_moved(&self, row: usize) -> bool {
        let asked = &self.rows[row];
        let lies_anywhere = !asked.is_same() && asked.profile.spread().is_none() && asked.key.fold == 0;
        let is_pinned = asked.profile.interruption == Bucket::PINNED || asked.profile.reclamation == Bucket::PINNED;
        let gains = asked.bootstraps + asked.provisions + asked.victims;
        let is_alone = self.rows.iter().filter(|other| other.claim() == asked.claim()).count() == 1;
        let has = |pile: usize| self.piles[pile].given.get(&row).copied().unwrap_or(0) as usize;
        let is_settled = |pile: usize| {
            let (class, machines) = (&self.piles[pile].class, self.piles[pile].machines.len());
            class.state == State::Configured && has(pile) == machines && self.taken_from(row, pile) == 0
        };
        lies_anywhere
            && (!is_pinned || plant::is(Plant::PinnedMoves))
            && asked.part == Part::Seeking
            && !asked.is_short()
            && gains == 0
            && is_alone
            && self.view.demand.reporting(asked.key.cluster).heard
            && self.claims(row).iter().all(|(pile, _)| self.is_own(row, *pile))
            && (plant::is(Plant::MovesPileUp) || self.own(row).into_iter().all(is_settled))
    }

    /// The last of a row's machines in keep order, if it is paid by the hour.
    fn dearest(&self, row: usize) -> Option<usize> {
        let has = |pile: &usize| self.piles[*pile].given.contains_key(&row);
        let last = self.bound(row).into_iter().rfind(has)?;
        self.piles[last].shape.capacity_type.is_elastic().then_some(last)
    }

    /// What stands in for the dearest: of what nobody who is short could use, is cheaper and worth it, the cheapest.
    fn stand_in(&self, row: usize, dearest: usize, room: u32, rules: &Consolidation) -> Option<(usize, u32)> {
        let old = self.price_to(row, dearest);
        let list_price = |pile: usize| self.piles[pile].shape.price;
        let mut found: Vec<(u128, _, bool, _, usize, u32)> = Vec::new();
        for pile in (0..self.piles.len()).filter(|pile| self.piles[*pile].is_free() && self.piles[*pile].left > 0) {
            let is_wanted = self.rivals[self.piles[pile].shape_at] > 0 && !plant::is(Plant::MovesTakeFromTheShort);
            let is_dearer = list_price(pile) >= list_price(dearest) && !plant::is(Plant::MovesForNothing);
            if self.fit(row, pile).is_none() || is_wanted || is_dearer {
                continue;
            }
            let new = self.price_to(row, pile);
            if !is_worth(rules, old, new, self.rows[row].profile.reclamation) {
                continue;
            }
            let count = self.count_moves(row, dearest, pile, room.min(self.piles[pile].left));
            if count > 0 {
                let is_bought = self.piles[pile].class.state != State::Idle;
                found.push((new, list_price(pile), is_bought, self.piles[pile].class.shape, pile, count));
            }
        }
        found.into_iter().min().map(|(.., pile, count)| (pile, count))
    }

    /// What a machine adds to the bill in an hour, and what its interruption is expected to cost a row.
    fn price_to(&self, row: usize, pile: usize) -> u128 {
        let (shape, state) = (self.piles[pile].shape, self.piles[pile].class.state);
        let is_paid_for = state != State::Speculative && !shape.capacity_type.is_elastic();
        let penalty = u128::from(self.rows[row].profile.interruption.upper_bound().0);
        let risk = u128::from(shape.interruption.0) * penalty / 1_000_000_000;
        if is_paid_for { risk } else { u128::from(shape.price.0) + risk }
    }

    /// Of all numbers that may come and for which no fewer of the dearest can go, the one for which most can; of equals the
    /// least.
    fn count_moves(&self, row: usize, dearest: usize, pile: usize, most: u32) -> u32 {
        let held = self.piles[dearest].given[&row];
        if plant::is(Plant::MovesUncover) {
            return most.min(held);
        }
        let mut best = (0, 0);
        for come in 1..=most.min(held) {
            let go = (0..=held).rev().find(|go| self.is_covered_after(row, (dearest, *go), (pile, come))).unwrap_or(0);
            if go >= come && go > best.0 {
                best = (go, come);
            }
        }
        best.1
    }

    fn is_covered_after(&self, row: usize, (goes, go): (usize, u32), (comes, come): (usize, u32)) -> bool {
        let counts_for = |pile: usize| &self.fit(row, pile).expect("it will do").amounts;
        let mut have: Amounts = self.covered_in(row, &[State::Configured]);
        add(&mut have, counts_for(comes), u64::from(come));
        let mut lost: Amounts = self.rows[row].measure.none();
        add(&mut lost, counts_for(goes), u64::from(go));
        let is_there = covers(&have, &lost);
        subtract(&mut have, &lost, 1);
        is_there && covers(&have, &self.rows[row].measure.want)
    }
}

/// Whether a move saves what it must, and its cost in time.
fn is_worth(rules: &Consolidation, old: u128, new: u128, reclamation: Bucket) -> bool {
    if plant::is(Plant::MovesForNothing) {
        return true;
    }
    let Some(gain) = old.checked_sub(new).filter(|gain| *gain > 0) else { return false };
    let cost = u128::from(rules.move_cost.0 + reclamation.upper_bound().0);
    let saved_in_time = gain * u128::from(rules.payback.0) / 3_600_000;
    let pays = saved_in_time >= cost || plant::is(Plant::PaybackIgnored);
    gain >= u128::from(rules.min_gain.0) && pays
}
