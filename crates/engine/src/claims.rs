//! Claims: giving rows machines that are bound or on their way, and taking them back.
//!
//! While a credit is at work a row may take what rows behind it were given: these are then credited anew. Afterwards only
//! what is left is there to be had, and what a row in its turn takes out of the hands of those behind it (`displace.rs`).

use argosy_model::Sym;

use crate::cycle::Cycle;
use crate::holding::KeepIx;
use crate::pulse::Pulse;
use crate::rows::RowIx;
use crate::standing::Kind;
use crate::supply::ClassIx;
use crate::yardstick::{Amounts, add, cover, useful};

/// What is going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Gangs take what is their own.
    #[default]
    Hold,
    /// Rows are credited in order of precedence.
    Credit,
    /// Rows take their turns.
    Turns,
    /// A row takes, in its turn, what rows behind it have.
    Displacing,
}

impl Cycle {
    /// What one machine of a class counts for towards a row, and the domain it lies in; `None` if it will not do for it.
    pub(crate) fn measure(&self, row: RowIx, class: ClassIx) -> Option<(usize, Amounts)> {
        let standing = self.standing(row);
        let menu = self.menus.get(standing.menu);
        let place = menu.place_of(self.supply.stock(class).class.shape)?;
        Some((place.domain as usize, menu.lot(place).measure(&standing.yard)))
    }

    /// How many machines of a class a row may be given: what is left, and in a credit, or when it displaces, what rows behind
    /// it have.
    pub(crate) fn within(&self, row: RowIx, class: ClassIx) -> u32 {
        let stock = self.supply.stock(class);
        match self.phase {
            Phase::Turns => stock.left,
            Phase::Displacing => stock.left + self.displaceable(row, class),
            Phase::Hold | Phase::Credit => self.within_credit(row, class),
        }
    }

    /// What is left of a class, and what rows behind a row have.
    pub(crate) fn within_credit(&self, row: RowIx, class: ClassIx) -> u32 {
        let stock = self.supply.stock(class);
        let behind = stock.claims.iter().filter(|(holder, _)| self.is_behind(*holder, row, class));
        stock.left + behind.map(|(_, count)| count).sum::<u32>()
    }

    pub(crate) fn is_behind(&self, holder: RowIx, row: RowIx, class: ClassIx) -> bool {
        let comes_later = || self.phase == Phase::Hold || self.rows.rank(holder) > self.rows.rank(row);
        holder != row && comes_later() && !self.is_firm(holder, class)
    }

    /// Gives a row as many machines of a class as are within reach and of use to it, `most` at the most. Returns how many.
    pub(crate) fn claim(&mut self, row: RowIx, class: ClassIx, most: u32) -> u32 {
        let Some((domain, amounts)) = self.measure(row, class) else { return 0 };
        let standing = &self.standings[row.at()];
        if standing.domain.is_some_and(|confined| confined != domain) {
            return 0;
        }
        let of_use = u32::try_from(useful(&standing.short, &amounts)).unwrap_or(u32::MAX);
        let count = of_use.min(most).min(self.within(row, class));
        if count > 0 {
            self.before_change(class);
            let left = self.supply.stock(class).left;
            if self.phase == Phase::Displacing && left < count {
                self.rob(row, class, count - left);
            }
            while self.supply.stock(class).left < count {
                let last = self.last_holder(class).expect("what is not left was given out");
                self.lift(last);
            }
            self.supply.give(class, row, count);
            let value = self.spread_value(row, domain);
            let standing = &mut self.standings[row.at()];
            cover(&mut standing.short, &amounts, u64::from(count));
            standing.claims.push((class, count));
            if let Some(value) = value {
                standing.counts.add(value, count);
            }
        }
        count
    }

    /// Takes back what a row was given of some classes, and reckons anew what it lacks.
    pub(crate) fn release_claims(&mut self, row: RowIx, given_back: impl Fn(&Self, ClassIx) -> bool) {
        for (class, count) in std::mem::take(&mut self.standings[row.at()].claims) {
            if given_back(self, class) {
                self.before_change(class);
                self.supply.take_back(class, row, count);
                self.prey.returned();
            } else {
                self.standings[row.at()].claims.push((class, count));
            }
        }
        self.reckon(row);
    }

    /// What a row lacks beyond what it has been given.
    pub(crate) fn reckon(&mut self, row: RowIx) {
        let mut covered = self.standing(row).yard.none();
        for (class, count) in &self.standing(row).claims {
            let (_, amounts) = self.measure(row, *class).expect("what was claimed will do");
            add(&mut covered, &amounts, u64::from(*count));
        }
        let standing = self.standing_mut(row);
        standing.short = standing.yard.want().clone();
        cover(&mut standing.short, &covered, 1);
    }

    /// The spread domain of a row's machines, where it spreads.
    pub(crate) fn spread_value(&self, row: RowIx, domain: usize) -> Option<Sym> {
        let standing = self.standing(row);
        if standing.kind != Kind::Spread {
            return None;
        }
        self.menus.get(standing.menu).domains[domain].value
    }

    /// What serves or is joining a row's cluster and will do for it.
    pub(crate) fn keep_list(&mut self, row: RowIx) -> KeepIx {
        let Pulse { cluster, menu, keep, .. } = *self.pulses.get(row);
        keep.unwrap_or_else(|| {
            let keep = self.supply.keep_list(cluster, menu, self.menus.get(menu), &self.rows);
            self.pulses.note_keep(row, keep);
            keep
        })
    }
}
