//! Phase 1, acquire: free machines for what the credit left short, best offer first.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use argosy_model::{Bucket, ShapeIx, State};

use super::Cycle;
use super::measure;
use crate::plant::{self, Plant};

/// A free machine as one row sees it.
struct Offer {
    pile: usize,
    /// What it adds to the bill for an hour, with what its interruption is expected to cost.
    cost: u128,
    /// The same at its full price.
    list_price: u128,
    /// How much of what is short it covers.
    cover: u128,
    ties: Ties,
}

/// Rivals, dimensions not asked for, cover (more first), size, idle first, shape.
type Ties = (u32, usize, Reverse<u128>, u128, bool, ShapeIx);

impl Cycle<'_> {
    /// Takes free machines for a row until it is covered or nothing helps.
    pub(super) fn pick_free(&mut self, row: usize) -> Vec<(usize, u32)> {
        let mut picks: Vec<(usize, u32)> = Vec::new();
        let open = self.places_with_free(row);
        let mut bought: Vec<u32> = vec![0; self.view.caps.len()];
        while self.rows[row].is_short() {
            let fewest = self.fewest(row, &open);
            let Some(pile) = self.best_offer(row, fewest, &open, &bought) else { break };
            let fit = self.fit(row, pile).expect("an offer will do").clone();
            let count = u32::try_from(measure::in_full(&self.rows[row].short, &fit.amounts)).unwrap_or(u32::MAX);
            let count = count.min(self.piles[pile].left).min(self.room(row, fit.place, fewest));
            let count = count.min(self.left_by_caps(row, pile, &bought));
            for (cap, bought) in self.view.caps.iter().zip(&mut bought) {
                *bought += if self.piles[pile].is_under(cap) { count } else { 0 };
            }
            self.give(pile, row, count);
            self.count(row, fit.place, count);
            let asked = &mut self.rows[row];
            measure::subtract(&mut asked.short, &fit.amounts, u64::from(count));
            match self.piles[pile].class.state {
                State::Idle => asked.bootstraps += count,
                _ => asked.provisions += count,
            }
            picks.push((pile, count));
        }
        self.rows[row].is_capped = (0..self.piles.len()).any(|pile| self.is_kept_by_caps(row, pile, &bought));
        picks
    }

    /// How many more machines of a pile a row may pick in the unit for which it has bought so many under each cap.
    fn left_by_caps(&self, row: usize, pile: usize, bought: &[u32]) -> u32 {
        if !self.rows[row].is_gang() || plant::is(Plant::CapsIgnored) {
            return u32::MAX;
        }
        let caps = self.view.caps.iter().zip(bought).filter(|(cap, _)| self.piles[pile].is_under(cap));
        caps.map(|(cap, bought)| cap.left() - bought).min().unwrap_or(u32::MAX)
    }

    /// Whether a row is short of what a pile has, and only a cap keeps it from that.
    fn is_kept_by_caps(&self, row: usize, pile: usize, bought: &[u32]) -> bool {
        let asked = &self.rows[row];
        let Some(fit) = self.fit(row, pile).filter(|fit| asked.domain.is_none() || fit.place == asked.domain) else {
            return false;
        };
        let is_free = self.piles[pile].is_free() && self.piles[pile].left > 0;
        is_free && measure::helps(&asked.short, &fit.amounts) && self.left_by_caps(row, pile, bought) == 0
    }

    fn best_offer(
        &self,
        row: usize,
        fewest: u32,
        open: &BTreeSet<Option<argosy_model::Sym>>,
        bought: &[u32],
    ) -> Option<usize> {
        let mut best: Option<Offer> = None;
        for pile in (0..self.piles.len()).filter(|pile| self.piles[*pile].is_free() && self.piles[*pile].left > 0) {
            let Some(fit) = self.fit(row, pile) else { continue };
            debug_assert!(open.contains(&fit.place));
            let is_elsewhere = self.rows[row].domain.is_some() && fit.place != self.rows[row].domain;
            let is_elsewhere = is_elsewhere && !plant::is(Plant::DomainChosenTwice);
            let is_used_up = self.left_by_caps(row, pile, bought) == 0;
            if is_elsewhere || is_used_up || self.room(row, fit.place, fewest) == 0 {
                continue;
            }
            let is_better = |offer: &Offer| best.as_ref().is_none_or(|best| compare(offer, best).is_lt());
            if let Some(offer) = self.offer(row, pile).filter(is_better) {
                best = Some(offer);
            }
        }
        best.map(|offer| offer.pile)
    }

    fn offer(&self, row: usize, at: usize) -> Option<Offer> {
        let (asked, pile) = (&self.rows[row], &self.piles[at]);
        let fit = self.fit(row, at)?;
        let useful = asked.short.iter().zip(&fit.amounts).map(|(short, has)| *short.min(has)).collect();
        let cover = asked.measure.share(&useful);
        if cover == 0 {
            return None;
        }
        let cover = if plant::is(Plant::AbsolutePrice) { 1 } else { cover };
        let price = u128::from(pile.shape.price.0);
        let penalty = u128::from(asked.profile.interruption.upper_bound().0);
        let risk = u128::from(pile.shape.interruption.0) * penalty / 1_000_000_000;
        let is_idle = pile.class.state == State::Idle;
        let risk = match asked.profile.interruption {
            _ if is_idle && plant::is(Plant::IdleRiskIgnored) => 0,
            Bucket::PINNED if risk > 0 && plant::is(Plant::PinnedTies) => penalty,
            _ => risk,
        };
        let adds = match (is_idle, pile.shape.capacity_type.is_elastic()) {
            (false, _) => price,
            (true, true) => price / 2,
            (true, false) => 0,
        };
        let ties = (
            if plant::is(Plant::NarrowIgnored) { 0 } else { self.rivals[pile.shape_at] },
            asked.measure.unasked(&pile.shape.resources),
            Reverse(cover),
            asked.measure.total(&fit.amounts),
            !is_idle,
            pile.class.shape,
        );
        Some(Offer { pile: at, cost: adds + risk, list_price: price + risk, cover, ties })
    }
}

/// The better offer is less: by cost per unit covered, list price per unit, and the ties.
fn compare(a: &Offer, b: &Offer) -> Ordering {
    let per_unit = |of_a: u128, of_b: u128| (of_a * b.cover).cmp(&(of_b * a.cover));
    per_unit(a.cost, b.cost).then(per_unit(a.list_price, b.list_price)).then(a.ties.cmp(&b.ties))
}
