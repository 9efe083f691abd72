//! The agenda: which rows a credit has to look at again, in order of precedence. A row that is not on it keeps what it has.
//!
//! What a row is credited with depends on the machines of its own, on those of its cluster that it looks at beyond them, and
//! on what the rows before it leave of both. So a row is due when one of these has changed: the fleet or the demand was
//! written to, a row before it takes more or less than it did, or one before it takes a machine that it holds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::cycle::Cycle;
use crate::holding::KeepIx;
use crate::rows::RowIx;
use crate::standing::{Claims, Kind, Stage};
use crate::supply::{ClassIx, is_bound_cover};

/// What a credit has to look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    /// Rows that are due, gathered between two credits.
    noted: Vec<RowIx>,
    /// Rows whose credit looked beyond their cluster: due again whenever anything at all has changed.
    farsighted: Vec<RowIx>,
    /// While a credit is at work: the rows that it has yet to come to, by rank.
    ahead: BinaryHeap<Reverse<(u32, RowIx)>>,
    is_at_work: bool,
    /// Whether every row is due, so that nobody has to be told.
    is_anew: bool,
}

impl Agenda {
    /// The credit of this row depends on more than its cluster.
    pub(crate) fn look_beyond(&mut self, row: RowIx) {
        self.farsighted.push(row);
    }
}

impl Cycle {
    /// A row has to be credited anew.
    pub(crate) fn due(&mut self, row: RowIx) {
        let standing = &mut self.standings[row.at()];
        if standing.stage != Stage::Settled {
            return;
        }
        standing.stage = Stage::Due;
        if self.agenda.is_at_work {
            self.agenda.ahead.push(Reverse((self.rows.rank(row), row)));
        } else {
            self.agenda.noted.push(row);
        }
    }

    /// Begins a credit. Returns the rows that are due, in order of precedence.
    pub(crate) fn open_agenda(&mut self) -> Vec<RowIx> {
        for row in std::mem::take(&mut self.agenda.farsighted) {
            self.due(row);
        }
        let mut rows = std::mem::take(&mut self.agenda.noted);
        // A handle may have been given up, and taken by another row since.
        rows.retain(|row| !self.rows.get(*row).members.is_empty());
        rows.sort_unstable_by_key(|row| self.rows.rank(*row));
        rows.dedup();
        self.agenda.ahead = rows.iter().map(|row| Reverse((self.rows.rank(*row), *row))).collect();
        self.agenda.is_at_work = true;
        self.agenda.is_anew = rows.len() == self.rows.order().len();
        rows
    }

    /// The next row that is due.
    pub(crate) fn next_due(&mut self) -> Option<RowIx> {
        let next = self.agenda.ahead.pop().map(|Reverse((_, row))| row);
        self.agenda.is_at_work = next.is_some();
        next
    }

    /// Takes back what a row was given at its place in the order; what a gang holds of its own before all others it keeps.
    pub(crate) fn lift(&mut self, row: RowIx) {
        self.due(row);
        let standing = &mut self.standings[row.at()];
        if standing.stage != Stage::Due {
            return;
        }
        standing.stage = Stage::Lifted;
        let claims = std::mem::take(&mut standing.claims);
        let is_held = standing.is_held;
        standing.was_held = is_held;
        if let Some((keep, kind)) = standing.takes.take() {
            self.supply.forget_taker(keep, kind, row);
        }
        for (class, count) in &claims {
            if is_held && self.supply.is_own(*class, row) {
                self.standings[row.at()].claims.push((*class, *count));
            } else {
                self.supply.take_back(*class, row, *count);
            }
        }
        self.standings[row.at()].before = claims;
    }

    /// Tells everybody of what a gang holds more or less of before all others than it did.
    pub(crate) fn pass_on_hold(&mut self, gang: RowIx) {
        let standing = self.standing(gang);
        let is_firm = |(class, _): &&(ClassIx, u32)| standing.was_held && self.supply.is_own(*class, gang);
        let before: Claims = standing.before.iter().filter(is_firm).copied().collect();
        let now = standing.claims.clone();
        self.tell_changes(&before, &now, None);
    }

    /// Tells those behind a row that was credited of what it takes more or less than it did.
    pub(crate) fn pass_on(&mut self, row: RowIx) {
        let before = std::mem::take(&mut self.standings[row.at()].before);
        let now = self.standings[row.at()].claims.clone();
        self.tell_changes(&before, &now, Some(self.rows.rank(row)));
    }

    fn tell_changes(&mut self, before: &Claims, now: &Claims, behind: Option<u32>) {
        if self.agenda.is_anew || before == now {
            return;
        }
        // Most of it is as it was, and in the same order.
        let same = before.iter().zip(now).take_while(|(before, now)| before == now).count();
        let (before, now) = (&before[same..], &now[same..]);
        let same = before.iter().rev().zip(now.iter().rev()).take_while(|(before, now)| before == now).count();
        let (before, now) = (&before[..before.len() - same], &now[..now.len() - same]);
        let signed = |claims: &[(ClassIx, u32)], sign: i64| -> Vec<(ClassIx, i64)> {
            claims.iter().map(|(class, count)| (*class, sign * i64::from(*count))).collect()
        };
        let mut changes = signed(before, -1);
        changes.extend(signed(now, 1));
        changes.sort_unstable();
        for of_class in changes.chunk_by(|a, b| a.0 == b.0) {
            let more: i64 = of_class.iter().map(|(_, change)| change).sum();
            if more != 0 {
                self.wake(of_class[0].0, behind, more < 0);
            }
        }
    }

    /// Machines of a class came, went, or passed from one hand to another at some place in the order: rows `behind` it that
    /// may have looked at them are due. `None` stands for before all rows.
    pub(crate) fn wake(&mut self, class: ClassIx, behind: Option<u32>, is_more: bool) {
        let stock = self.supply.stock(class);
        let (account, left, of) = (stock.account, stock.left, stock.class);
        let is_behind = |cycle: &Self, row: RowIx| behind.is_none_or(|rank| cycle.rows.rank(row) > rank);
        if let Some(account) = account {
            for at in 0..self.supply.accounts.rows(account).len() {
                let owner = self.supply.accounts.rows(account)[at];
                if is_behind(self, owner) {
                    self.due(owner);
                }
            }
        }
        let Some(cluster) = of.cluster.filter(|_| is_bound_cover(&of)) else { return };
        for at in 0..self.menus.listing(of.shape).len() {
            let (menu, _) = self.menus.listing(of.shape)[at];
            let Some(keep) = self.supply.holdings[cluster.index()].keep_of(menu) else { continue };
            // Beyond their own, rows without `Same` look at what is nobody's. Whoever takes one after the other minds only more of
            // what had run out; who divides also that something runs out.
            let is_nobodys = account.is_none();
            let is_for = |kind: Kind| match kind {
                Kind::Plain => is_nobodys && is_more && left > 0,
                Kind::Spread => is_nobodys && is_more == (left > 0),
                Kind::Same | Kind::Gang => true,
            };
            for kind in [Kind::Plain, Kind::Spread, Kind::Same].into_iter().filter(|kind| is_for(*kind)) {
                for at in 0..self.supply.keep(keep).takers(kind).len() {
                    let taker = self.supply.keep(keep).takers(kind)[at];
                    if is_behind(self, taker) {
                        match kind {
                            Kind::Plain | Kind::Spread => self.due(taker),
                            Kind::Same | Kind::Gang => self.stir(taker, class, is_more),
                        }
                    }
                }
            }
        }
    }

    /// Classes whose owner came or went: they stand in another list now, and whoever has or takes some is due.
    pub(crate) fn follow_owners(&mut self) {
        for class in self.supply.accounts.take_reassigned() {
            for at in 0..self.supply.stock(class).claims.len() {
                let (holder, _) = self.supply.stock(class).claims[at];
                self.due(holder);
            }
            let of = self.supply.stock(class).class;
            let Some(cluster) = of.cluster.filter(|_| is_bound_cover(&of)) else { continue };
            for at in 0..self.menus.listing(of.shape).len() {
                let (menu, _) = self.menus.listing(of.shape)[at];
                if let Some(keep) = self.supply.holdings[cluster.index()].keep_of(menu) {
                    self.supply.relist(keep, class, &self.rows);
                    self.rouse(keep);
                }
            }
        }
    }

    /// All that take from a list are due.
    pub(crate) fn rouse(&mut self, keep: KeepIx) {
        for kind in [Kind::Plain, Kind::Spread, Kind::Same] {
            for at in 0..self.supply.keep(keep).takers(kind).len() {
                let taker = self.supply.keep(keep).takers(kind)[at];
                self.due(taker);
            }
        }
    }

    /// Counts a class anew after machines of it came or went. Where there are fewer than were given out, whoever comes last
    /// gives back.
    pub(crate) fn level(&mut self, class: ClassIx) {
        let was = self.supply.counted(class);
        let now = self.supply.stock(class).total;
        if now == was || self.amend(class, was, now) {
            return;
        }
        if now < was {
            let gone = was - now;
            while self.supply.stock(class).left < gone {
                let last = self.last_holder(class).expect("what is not left was given out");
                self.unhold(last);
            }
        }
        self.supply.recount(class, i64::from(now) - i64::from(was));
        self.wake(class, None, now > was);
    }

    /// Takes back all that a row was given, what it holds before all others too.
    pub(crate) fn unhold(&mut self, row: RowIx) {
        self.lift(row);
        let standing = &mut self.standings[row.at()];
        standing.is_held = false;
        for (class, count) in std::mem::take(&mut standing.claims) {
            self.supply.take_back(class, row, count);
        }
    }

    /// Who of those that have machines of a class comes last; gangs that hold their own come before all others.
    pub(crate) fn last_holder(&self, class: ClassIx) -> Option<RowIx> {
        let holders = self.supply.stock(class).claims.iter().map(|(row, _)| *row);
        holders.max_by_key(|row| (!self.is_firm(*row, class), self.rows.rank(*row)))
    }

    /// Whether a row holds machines of a class before all others.
    pub(crate) fn is_firm(&self, row: RowIx, class: ClassIx) -> bool {
        self.standing(row).is_held && self.supply.is_own(class, row)
    }
}
