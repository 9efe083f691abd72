//! Phase 1, acquire: free machines for what the credit left short.

use crate::cost::Offer;
use crate::cycle::Cycle;
use crate::draft::Draft;
use crate::plan::Reason;
use crate::rows::RowIx;
use crate::standing::Kind;
use crate::supply::{ClassIx, Free};
use crate::yardstick::{bulk, cover, is_covered};

/// Free machines taken for a row, by class.
pub(crate) type Picks = Vec<(ClassIx, u32)>;

impl Cycle {
    /// Acquires as much as there is for a row, each machine a unit of its own.
    pub(crate) fn acquire(&mut self, row: RowIx) {
        let picks = self.pick_free(row);
        if !picks.is_empty() {
            self.draft(Draft::acquisition(Reason::CoverDeficit, row, picks));
        }
    }

    /// Takes free machines for a row, best offer first, until it is covered or nothing helps any more.
    pub(crate) fn pick_free(&mut self, row: RowIx) -> Picks {
        let mut picks: Picks = Vec::new();
        if self.menus.get(self.standing(row).menu).free == 0 {
            return picks;
        }
        self.sort_menu(row);
        let spreads = self.standing(row).kind == Kind::Spread;
        let seen = if spreads { self.domains_with_free(row) } else { Vec::new() };
        while !is_covered(&self.standing(row).short) {
            let fewest = if spreads { self.fewest(row, &seen) } else { 0 };
            let Some((offer, domain)) = self.best_offer(row, fewest) else { break };
            let class = self.supply.free(offer.shape, offer.kind).expect("an offer has a machine");
            let machine = self.standing(row).yard.measure(&self.catalogue.shape(offer.shape).resources);
            let count = u32::try_from(bulk(&self.standing(row).short, &machine)).unwrap_or(u32::MAX);
            let count = count.min(self.supply.stock(class).left).min(self.room(row, domain, fewest));
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
    fn best_offer(&mut self, row: RowIx, fewest: u32) -> Option<(Offer, usize)> {
        let standing = &self.standings[row.at()];
        let domains = match standing.domain {
            Some(confined) => confined..confined + 1,
            None => 0..self.menus.get(standing.menu).domains.len(),
        };
        let mut best: Option<(Offer, usize)> = None;
        for domain in domains {
            let is_empty = self.menus.get(self.standings[row.at()].menu).domains[domain].free == 0;
            if is_empty || self.room(row, domain, fewest) == 0 {
                continue;
            }
            let standing = &self.standings[row.at()];
            let penalty = self.rows.get(row).profile.interruption.upper_bound();
            let menu = self.menus.get_mut(standing.menu);
            for lot in menu.domains[domain].lots.iter_mut().filter(|lot| lot.free != [0; 2]) {
                let machine = lot.measure(&standing.yard);
                for kind in [Free::Idle, Free::Speculative] {
                    let Some(shape) = lot.head(kind, &self.supply) else { continue };
                    let contention = self.contention.of_shape(shape);
                    let offer = Offer::of(lot, (shape, kind), standing, &machine, penalty, contention);
                    let better = |offer: &Offer| best.as_ref().is_none_or(|(b, _)| offer.compare(b).is_lt());
                    if let Some(offer) = offer.filter(better) {
                        best = Some((offer, domain));
                    }
                }
            }
        }
        best
    }
}
