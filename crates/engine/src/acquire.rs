//! Phase 1, acquire: free machines for what the credit left short.

use std::sync::Arc;

use argosy_model::Shape;

use crate::caps::Leeway;
use crate::cost::{Offer, Use};
use crate::cycle::Cycle;
use crate::rows::RowIx;
use crate::standing::Kind;
use crate::supply::{ClassIx, Free};
use crate::yardstick::{bulk, cover, is_covered};

/// Free machines taken for a row, by class.
pub(crate) type Picks = Vec<(ClassIx, u32)>;

impl Cycle {
    /// Takes free machines for a row, best offer first, until it is covered or nothing helps any more.
    pub(crate) fn pick_free(&mut self, row: RowIx) -> Picks {
        let mut picks: Picks = Vec::new();
        self.standing_mut(row).is_capped = false;
        if self.menus.get(self.standing(row).menu).free == 0 {
            return picks;
        }
        self.sort_menu(row);
        let spreads = self.standing(row).kind == Kind::Spread;
        let seen = if spreads { self.domains_with_free(row) } else { Vec::new() };
        let mut leeway = self.leeway(row);
        while !is_covered(&self.standing(row).short) {
            let fewest = if spreads { self.fewest(row, &seen) } else { 0 };
            let Some((offer, domain)) = self.best_offer(row, fewest, leeway.as_ref()) else { break };
            let class = self.supply.free(offer.shape, offer.kind).expect("an offer has a machine");
            let machine = self.standing(row).yard.measure(&self.catalogue.shape(offer.shape).resources);
            let count = u32::try_from(bulk(&self.standing(row).short, &machine)).unwrap_or(u32::MAX);
            let mut count = count.min(self.supply.stock(class).left).min(self.room(row, domain, fewest));
            if let Some(leeway) = leeway.as_mut().filter(|_| offer.kind == Free::Speculative) {
                count = count.min(leeway.left(&self.view.caps, offer.shape));
                leeway.spend(&self.view.caps, offer.shape, count);
            }
            self.supply.give_free(class, row, count, offer.kind, &mut self.menus);
            let value = self.spread_value(row, domain);
            let standing = self.standing_mut(row);
            cover(&mut standing.short, &machine, u64::from(count));
            match offer.kind {
                Free::Idle => standing.bootstraps += count,
                Free::Speculative => standing.provisions += count,
            }
            if let Some(value) = value {
                standing.counts.add(value, count);
            }
            match picks.last_mut() {
                Some((picked, so_far)) if *picked == class => *so_far += count,
                _ => picks.push((class, count)),
            }
        }
        self.standing_mut(row).is_capped = leeway.is_some() && self.standing(row).is_short() && self.is_slot_left(row);
        picks
    }

    /// Gives back what was picked for a gang that cannot be put together after all.
    pub(crate) fn put_back(&mut self, row: RowIx, picks: &Picks) {
        for (class, count) in picks {
            self.supply.take_back_free(*class, row, *count, &mut self.menus);
        }
        let standing = self.standing_mut(row);
        (standing.bootstraps, standing.provisions) = (0, 0);
        // What it lacks is what it lacked before: its claims alone count again.
        self.release_claims(row, |_, _| false);
    }

    /// The best free machine for a row in the domains that are open to it.
    fn best_offer(&mut self, row: RowIx, fewest: u32, leeway: Option<&Leeway>) -> Option<(Offer, usize)> {
        let standing = &self.standings[row.at()];
        let domains = match standing.domain {
            Some(confined) => confined..confined + 1,
            None => 0..self.menus.get(standing.menu).domains.len(),
        };
        let mut best: Option<(Offer, usize)> = None;
        let mut last: Option<(Arc<Shape>, Option<Use>)> = None;
        for domain in domains {
            let is_empty = self.menus.get(self.standings[row.at()].menu).domains[domain].free == 0;
            if is_empty || self.room(row, domain, fewest) == 0 {
                continue;
            }
            let standing = &self.standings[row.at()];
            let (penalty, caps) = (self.rows.get(row).profile.interruption.upper_bound(), &self.view.caps);
            let menu = self.menus.get_mut(standing.menu);
            for lot in menu.domains[domain].lots.iter_mut().filter(|lot| lot.free != [0; 2]) {
                let of_use = match &last {
                    Some((like, of_use)) if like.resources == lot.like.resources => *of_use,
                    _ => {
                        let of_use = Use::of(&lot.like.resources, &lot.measure(&standing.yard), standing);
                        last = Some((Arc::clone(&lot.like), of_use));
                        of_use
                    }
                };
                let Some(of_use) = of_use else { continue };
                for kind in [Free::Idle, Free::Speculative] {
                    let head = match leeway.filter(|_| kind == Free::Speculative) {
                        None => lot.head(kind, &self.supply),
                        Some(leeway) => lot.first_slot(&self.supply, |shape| leeway.left(caps, shape) > 0),
                    };
                    let Some(shape) = head else { continue };
                    let contention = self.contention.of_shape(shape);
                    let offer = Offer::of(lot, (shape, kind), of_use, penalty, contention);
                    if best.as_ref().is_none_or(|(best, _)| offer.compare(best).is_lt()) {
                        best = Some((offer, domain));
                    }
                }
            }
        }
        best
    }
}
