//! Turns: by precedence each row that is short is given what is left, acquires and displaces, then preempts. Of a row without `Same` it can be told
//! at a glance that there is nothing for it, and such a row is passed over. What turns do is undone before the next cycle: between
//! cycles the tables stand as the credit left them, so that a row whose credit holds need not be looked at.

use smallvec::SmallVec;

use crate::ahead::TOGETHER;
use crate::claims::Phase;
use crate::cycle::Cycle;
use crate::draft::Draft;
use crate::plan::Reason;
use crate::pulse::Pulse;
use crate::rows::RowIx;
use crate::standing::{Claims, Counts, Kind, Part};
use crate::yardstick::Amounts;

/// How the credit left a row that something was done to since.
#[derive(Clone, Debug)]
pub(crate) struct Credited {
    row: RowIx,
    part: Part,
    short: Amounts,
    claims: Claims,
    counts: Counts,
    domain: Option<usize>,
    holds_on: bool,
    has_host: bool,
}

impl Cycle {
    /// Lets every row that is short take its turn.
    pub(crate) fn take_turns(&mut self) {
        self.phase = Phase::Turns;
        self.turns.clear();
        for row in self.pulses.seeking() {
            self.turns.insert(self.rows.rank(row) as usize);
        }
        let (mut from, mut looked_at) = (0, 0);
        // Who loses a machine to a row before him joins, further on.
        while let Some(rank) = self.turns.next(from) {
            if rank >= looked_at {
                looked_at = self.look_ahead_at_turns(rank);
            }
            let row = self.rows.order()[rank];
            if !self.is_nothing_for(row) {
                self.turn(row);
            }
            from = rank + 1;
        }
    }

    /// Whether there is nothing that a row without `Same` could get: nothing free that it has room for, nothing that nobody has been given, nothing
    /// to displace, and no prey. Of its own it has what the credit gave it, unless it has lost some since.
    fn is_nothing_for(&mut self, row: RowIx) -> bool {
        let is_same = matches!(self.pulses.get(row).kind, Kind::Same | Kind::Gang);
        let may_get = is_same || self.robbed.contains(row.at()) || self.is_offered(row);
        !(may_get || self.has_spare(row) || self.may_displace(row) || self.is_prey_open(row))
    }

    /// Whether something is free on a row's menu, in a domain that has room where it spreads.
    fn is_offered(&self, row: RowIx) -> bool {
        let Pulse { menu, kind, .. } = *self.pulses.get(row);
        if self.menus.get(menu).free == 0 || kind != Kind::Spread {
            return self.menus.get(menu).free > 0;
        }
        let open = self.domains_with_free(row);
        let fewest = self.fewest(row, &open);
        open.into_iter().any(|domain| self.room(row, domain, fewest) > 0)
    }

    fn turn(&mut self, row: RowIx) {
        let standing = self.standing(row);
        if standing.part != Part::Seeking || !standing.is_short() {
            return;
        }
        if standing.is_same() {
            self.remember_credit(row);
            if self.standing(row).domain.is_some() {
                self.take_own_back(row);
            }
            self.take_domain(row);
            return;
        }
        let has_lost = self.robbed.contains(row.at());
        let is_more_left = has_lost || self.has_spare(row);
        self.remember_credit(row);
        if has_lost {
            self.take_own_back(row);
        }
        if is_more_left {
            self.claim_left(row, has_lost);
        }
        if !self.standing(row).is_short() {
            return;
        }
        let mut picks = self.pick_free(row);
        // Elsewhere, what did not help before does not help now. Where a row spreads, what it was given may have made room.
        while self.displace(row) && self.standing(row).kind == Kind::Spread {
            picks.extend(self.pick_free(row));
        }
        if !picks.is_empty() {
            self.draft(Draft::acquisition(Reason::CoverDeficit, row, picks));
        }
        self.preempt(row);
    }

    /// Notes a decision unit. What was given out for it is taken back before the next cycle.
    pub(crate) fn draft(&mut self, draft: Draft) {
        self.drafts.push(draft);
    }

    /// Something is about to be done to a row that the next cycle is not to see, and that its verdict tells of.
    pub(crate) fn remember_credit(&mut self, row: RowIx) {
        // What it was at first counts.
        if self.remembered.contains(row.at()) {
            return;
        }
        self.remembered.insert(row.at());
        self.pulses.freshen(row);
        let standing = self.standing(row);
        self.turned.push(Credited {
            row,
            part: standing.part,
            short: standing.short.clone(),
            claims: standing.claims.clone(),
            counts: standing.counts.clone(),
            domain: standing.domain,
            holds_on: standing.holds_on,
            has_host: standing.has_host,
        });
    }

    /// Puts everything back to how the credit left it. Free machines are put back when the next cycle begins.
    pub(crate) fn rewind(&mut self) {
        self.robbed.clear();
        self.barren.clear();
        for (class, count) in std::mem::take(&mut self.withheld) {
            self.supply.recount(class, i64::from(count));
        }
        self.remembered.clear();
        let mut turned = std::mem::take(&mut self.turned);
        for turned in turned.chunks(TOGETHER) {
            let rows: SmallVec<[RowIx; TOGETHER]> = turned.iter().map(|credited| credited.row).collect();
            self.look_ahead(&rows);
            self.look_ahead_at_claims(&rows);
            turned.iter().for_each(|credited| self.give_back_since(credited));
        }
        for credited in turned.drain(..) {
            let row = credited.row;
            let kept = self.standing(row).claims.len();
            credited.claims[kept..].iter().for_each(|(class, count)| self.supply.give(*class, row, *count));
            self.pulses.freshen(row);
            self.standing_mut(row).restore(credited);
        }
        // Its memory serves again.
        self.turned = turned;
    }

    /// Takes back what a row was given since the credit; what it was given before and has no more it gets once all have given back.
    fn give_back_since(&mut self, credited: &Credited) {
        let row = credited.row;
        let claims = &mut self.standings[row.at()].claims;
        let kept = claims.iter().zip(&credited.claims).take_while(|(now, before)| now == before).count();
        let since: Claims = claims.drain(kept..).collect();
        since.iter().for_each(|(class, count)| self.supply.take_back(*class, row, *count));
    }
}

impl crate::standing::Standing {
    fn restore(&mut self, credited: Credited) {
        let Credited { part, short, claims, counts, domain, holds_on, has_host, .. } = credited;
        (self.part, self.short, self.claims, self.counts) = (part, short, claims, counts);
        (self.domain, self.holds_on, self.has_host) = (domain, holds_on, has_host);
        self.forget_gains();
    }
}
