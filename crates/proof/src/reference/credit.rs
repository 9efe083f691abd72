//! Phase 1, credit: what serves a cluster, or is on its way to it, is given to its needs.

use super::Cycle;
use super::measure;
use super::rows::Part;
use crate::plant::{self, Plant};

/// Whose machines a row may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// Those that nobody has.
    Nobody,
    /// Those too that rows behind it have.
    Behind,
}

impl Cycle<'_> {
    /// Gives out everything that is bound or on its way.
    pub(super) fn credit(&mut self) {
        for row in (0..self.rows.len()).rev() {
            if self.rows[row].is_gang() {
                self.hold_gang(row);
            }
        }
        for row in 0..self.rows.len() {
            if self.rows[row].is_same() {
                self.credit_same(row);
            } else {
                self.credit_plain(row);
            }
        }
    }

    /// What is its own and bound; what is nobody's; what is on its way to it.
    fn credit_plain(&mut self, row: usize) {
        if plant::is(Plant::BoundIgnored) {
            return;
        }
        if plant::is(Plant::OwnNotFirst) {
            let (bound, own) = (self.bound(row), self.own(row));
            self.claim_each(row, &bound, From::Nobody);
            self.claim_each(row, &own, From::Nobody);
            return;
        }
        let (coming, own_bound) = self.own(row).into_iter().partition(|pile| self.piles[*pile].is_coming());
        for list in [own_bound, self.orphans(row), coming] {
            self.claim_each(row, &list, From::Nobody);
        }
    }

    /// A turn begins with what a row owns, though rows behind it have it: what it could do without in the credit it may need, since a row
    /// before it has taken something else.
    pub(super) fn take_own_back(&mut self, row: usize) {
        let is_placed = !self.rows[row].is_same() || self.rows[row].domain.is_some();
        if is_placed && !plant::is(Plant::OwnNotTakenBack) && !plant::is(Plant::BoundIgnored) {
            let own: Vec<usize> = self.own(row).into_iter().filter(|pile| !self.piles[*pile].is_coming()).collect();
            self.claim_each(row, &own, From::Behind);
        }
    }

    /// Then it is given what nobody has: what is nobody's, what is on its way to it, what was acquired for others.
    pub(super) fn claim_left(&mut self, row: usize) {
        if plant::is(Plant::BoundIgnored) || plant::is(Plant::LeftIgnored) {
            return;
        }
        let (coming, own_bound) = self.own(row).into_iter().partition(|pile| self.piles[*pile].is_coming());
        let own_bound = if plant::is(Plant::OwnNotTakenBack) { own_bound } else { Vec::new() };
        for list in [own_bound, self.orphans(row), coming, self.others(row)] {
            self.claim_each(row, &list, From::Nobody);
        }
    }

    /// What was acquired for others, or for nobody that is there, is taken out of the hands of rows behind it.
    pub(super) fn displace(&mut self, row: usize) {
        if plant::is(Plant::NeverDisplaces) {
            return;
        }
        for list in [self.orphans(row), self.others(row)] {
            self.claim_each(row, &list, From::Behind);
        }
    }

    /// Gives a row machines of these piles in their order until it is covered.
    pub(super) fn claim_each(&mut self, row: usize, piles: &[usize], from: From) {
        if self.rows[row].profile.spread().is_some() {
            self.claim_evenly(row, piles, from);
            return;
        }
        for pile in piles {
            self.claim(row, *pile, u32::MAX, from);
        }
    }

    /// The first pile in order whose domain has room gives as many as help and fit in the room; then again.
    fn claim_evenly(&mut self, row: usize, piles: &[usize], from: From) {
        let mut open: Vec<usize> = piles.to_vec();
        open.retain(|pile| self.available(row, *pile, from) > 0 && self.fit(row, *pile).is_some());
        while self.rows[row].is_short() && !open.is_empty() {
            let place = |pile: usize| self.fit(row, pile).expect("it will do").place;
            let fewest = open.iter().map(|pile| self.count_in(row, place(*pile))).min().unwrap_or(0);
            let rooms = open.iter().map(|pile| self.room(row, place(*pile), fewest));
            let (at, room) = rooms.enumerate().find(|(_, room)| *room > 0).expect("the emptiest domain has room");
            let pile = open[at];
            let took = self.claim(row, pile, room, from);
            if took == 0 || self.available(row, pile, from) == 0 {
                open.remove(at);
            }
        }
    }

    /// Gives a row machines of a pile while they help, `most` at the most. Returns how many.
    fn claim(&mut self, row: usize, pile: usize, most: u32, from: From) -> u32 {
        let Some(fit) = self.fit(row, pile).cloned() else { return 0 };
        let asked = &self.rows[row];
        if asked.domain.is_some() && fit.place != asked.domain && !plant::is(Plant::CreditAcrossDomains) {
            return 0;
        }
        let mut took = 0;
        while took < most && self.available(row, pile, from) > 0 && measure::helps(&self.rows[row].short, &fit.amounts)
        {
            if self.piles[pile].left == 0 {
                self.rob_last(row, pile);
            }
            self.give(pile, row, 1);
            measure::subtract(&mut self.rows[row].short, &fit.amounts, 1);
            took += 1;
        }
        if !plant::is(Plant::SpreadForgets) {
            self.count(row, fit.place, took);
        }
        took
    }

    /// How many machines of a pile a row may be given.
    fn available(&self, row: usize, pile: usize, from: From) -> u32 {
        let behind = |from| match from {
            From::Nobody => 0,
            From::Behind => (row + 1..self.rows.len()).map(|holder| self.may_give_up(holder, pile)).sum(),
        };
        self.piles[pile].left + behind(from)
    }

    /// How many machines of a pile a row may lose to rows before it: what a gang holds before all others goes only with the
    /// gang, and what is preempted is gone already.
    fn may_give_up(&self, holder: usize, pile: usize) -> u32 {
        let asked = &self.rows[holder];
        if asked.part == Part::Evicted || (asked.is_held && self.is_own(holder, pile)) {
            return 0;
        }
        let given = self.piles[pile].given.get(&holder).copied().unwrap_or(0);
        if plant::is(Plant::DisplacesVictims) { given } else { given - self.taken_from(holder, pile) }
    }

    /// The last row behind one that may give up a machine of a pile does.
    fn rob_last(&mut self, row: usize, pile: usize) {
        let behind = (row + 1..self.rows.len()).rev();
        let last = behind.into_iter().find(|holder| self.may_give_up(*holder, pile) > 0).expect("one may be had");
        self.take_back(pile, last, 1);
        let place = self.fit(last, pile).expect("what was claimed will do").place;
        if let Some(count) = place.and_then(|place| self.rows[last].counts.get_mut(&place)) {
            *count -= 1;
        }
        self.reckon(last);
    }

    /// Notes machines that a spreading row has in a domain.
    pub(super) fn count(&mut self, row: usize, place: Option<argosy_model::Sym>, count: u32) {
        if let Some(place) = place.filter(|_| count > 0 && self.rows[row].profile.spread().is_some()) {
            *self.rows[row].counts.entry(place).or_default() += count;
        }
    }

    /// Takes back a row's machines of some piles, and reckons anew what it lacks.
    pub(super) fn release_claims(&mut self, row: usize, gives_back: impl Fn(&Self, usize) -> bool) {
        for (pile, count) in self.claims(row) {
            if gives_back(self, pile) {
                self.take_back(pile, row, count);
            }
        }
        self.reckon(row);
    }

    /// What a row lacks beyond its bound and coming machines.
    pub(super) fn reckon(&mut self, row: usize) {
        let mut short = self.rows[row].measure.want.clone();
        for (pile, count) in self.claims(row) {
            let fit = self.fit(row, pile).expect("what was claimed will do");
            measure::subtract(&mut short, &fit.amounts, u64::from(count));
        }
        self.rows[row].short = short;
    }
}
