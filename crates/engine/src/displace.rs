//! Displacing: a row that is still short once nothing free helps takes, in its turn, machines of its cluster that rows behind it
//! were given. These look for something else when their own turn comes, which is later. What it owns itself it takes first of all: it could do
//! without in the credit, before a row ahead of it took something else.
//!
//! What a gang holds before all others goes only with the gang, and what a plan already preempts is gone.

use crate::claims::Phase;
use crate::cycle::Cycle;
use crate::rows::RowIx;
use crate::standing::Part;
use crate::supply::ClassIx;

impl Cycle {
    /// Takes from rows behind a row, from the last one backwards, what it still lacks. Returns whether there was anything.
    pub(crate) fn displace(&mut self, row: RowIx) -> bool {
        if !self.standing(row).is_short() || !self.may_displace(row) {
            return false;
        }
        let before = self.standing(row).claimed();
        self.phase = Phase::Displacing;
        self.claim_nobodys(row);
        self.claim_others(row);
        self.phase = Phase::Turns;
        self.standing(row).claimed() > before
    }

    /// A turn begins with what a row owns, though rows behind it have it.
    pub(crate) fn take_own_back(&mut self, row: RowIx) {
        self.phase = Phase::Displacing;
        self.claim_own(row, false);
        self.phase = Phase::Turns;
    }

    /// Whether rows behind a row have anything that would do for it. Those have not had their turn, so what they have only
    /// dwindles: where a row finds nothing, no later one does.
    pub(crate) fn may_displace(&mut self, row: RowIx) -> bool {
        let (keep, rank) = (self.keep_list(row), self.rows.rank(row));
        if self.barren.get(&keep).is_some_and(|from| *from <= rank) {
            return false;
        }
        let classes = self.supply.keep(keep).classes().iter();
        let is_found = classes.into_iter().any(|class| self.displaceable(row, *class) > 0);
        if !is_found {
            self.barren.insert(keep, rank);
        }
        is_found
    }

    /// How many machines of a class rows behind a row may lose to it.
    pub(crate) fn displaceable(&self, row: RowIx, class: ClassIx) -> u32 {
        let claims = self.supply.stock(class).claims.iter();
        claims.map(|(holder, count)| self.may_give_up(*holder, row, class, *count)).sum()
    }

    fn may_give_up(&self, holder: RowIx, row: RowIx, class: ClassIx, count: u32) -> u32 {
        if !self.is_behind(holder, row, class) || self.standing(holder).part == Part::Evicted {
            return 0;
        }
        count - self.prey.taken_from(class, holder)
    }

    /// Takes machines of a class from the last of those behind a row that have some.
    pub(crate) fn rob(&mut self, row: RowIx, class: ClassIx, count: u32) {
        let mut lacking = count;
        while lacking > 0 {
            let claims = self.supply.stock(class).claims.iter();
            let open = claims.map(|(holder, held)| (*holder, self.may_give_up(*holder, row, class, *held)));
            let last = open.filter(|(_, count)| *count > 0).max_by_key(|(holder, _)| self.rows.rank(*holder));
            let (holder, most) = last.expect("as many as are needed may be had");
            let count = most.min(lacking);
            self.take_from(holder, class, count);
            lacking -= count;
        }
    }

    fn take_from(&mut self, holder: RowIx, class: ClassIx, count: u32) {
        self.remember_credit(holder);
        self.supply.take_back(class, holder, count);
        let value = self.measure(holder, class).and_then(|(domain, _)| self.spread_value(holder, domain));
        let standing = self.standing_mut(holder);
        let mut lacking = count;
        for (_, held) in standing.claims.iter_mut().rev().filter(|(of, _)| *of == class) {
            let part = lacking.min(*held);
            *held -= part;
            lacking -= part;
        }
        assert!(lacking == 0, "a row's claims and a class's agree");
        standing.claims.retain(|(_, held)| *held > 0);
        if let Some(value) = value {
            standing.counts.subtract(value, count);
        }
        self.reckon(holder);
        self.robbed.insert(holder.at());
        self.turns.insert(self.rows.rank(holder) as usize);
    }
}
