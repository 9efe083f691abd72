//! Rows whose machines share a domain, and among them gangs: held whole or not at all.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use argosy_engine::Reason;
use argosy_model::{State, Sym};

use super::credit::From;
use super::domains::Scope;
use super::measure::{self, Amounts, covers};
use super::rows::Part;
use super::{Cycle, Draft};
use crate::plant::{self, Plant};

/// A gang's own machines in one domain.
struct Own {
    place: Sym,
    all: Amounts,
    serving: Amounts,
}

impl Cycle<'_> {
    fn own_by_place(&self, row: usize) -> Vec<Own> {
        let mut found = Vec::new();
        for (place, piles) in self.by_place(row, &self.own(row)) {
            let (mut all, mut serving) = (self.rows[row].measure.none(), self.rows[row].measure.none());
            for pile in piles {
                let fit = self.fit(row, pile).expect("it will do");
                let left = u64::from(self.piles[pile].left);
                measure::add(&mut all, &fit.amounts, left);
                if self.piles[pile].class.state == State::Configured {
                    measure::add(&mut serving, &fit.amounts, left);
                }
            }
            found.push(Own { place: place.expect("Same names its domains"), all, serving });
        }
        found
    }

    /// The domain where most of a gang's own machines are.
    fn best_own(&self, row: usize, own: &[Own]) -> Option<Sym> {
        let measure = &self.rows[row].measure;
        let merit = |own: &Own| {
            (
                Reverse(measure.coverage(&own.all)),
                Reverse(measure.coverage(&own.serving)),
                measure.total(&own.all),
                own.place,
            )
        };
        own.iter().min_by_key(|own| merit(own)).map(|own| own.place)
    }

    /// Before all others a gang takes its own machines: if it was whole, or if they make it whole. One that is overdue
    /// retreats.
    pub(super) fn hold_gang(&mut self, row: usize) {
        let own = self.own_by_place(row);
        if own.is_empty() || self.rows[row].part == Part::Retreating {
            return;
        }
        let (view, mark) = (self.view, self.rows[row].mark);
        let want = &self.rows[row].measure.want;
        let serves_whole = own.iter().any(|own| covers(&own.serving, want));
        let has_all = own.iter().any(|own| covers(&own.all, want));
        let overdue = mark.assembling_since.is_some_and(|since| view.now.since(since) >= view.policy.assemble_within);
        if overdue && !serves_whole && !mark.was_whole && !self.is_room_coming(row) {
            self.rows[row].part = Part::Retreating;
            return;
        }
        if !mark.was_whole && !has_all {
            return;
        }
        self.rows[row].domain = self.best_own(row, &own);
        self.rows[row].has_host = true;
        self.rows[row].holds_on = mark.was_whole;
        self.rows[row].is_held = true;
        let own = self.own(row);
        self.claim_each(row, &own, From::Nobody);
    }

    /// Whether a gang behind this one retreats that could use a shape that this one could use.
    fn is_room_coming(&self, row: usize) -> bool {
        let shares = |behind: usize| {
            self.fits[row].iter().zip(&self.fits[behind]).any(|(here, there)| here.is_some() && there.is_some())
        };
        (row + 1..self.rows.len()).any(|behind| self.rows[behind].part == Part::Retreating && shares(behind))
    }

    /// The credit of a row with `Same`.
    pub(super) fn credit_same(&mut self, row: usize) {
        let part = self.rows[row].part;
        if part == Part::Retreating || !self.rows[row].is_short() {
            return;
        }
        if self.rows[row].domain.is_none() {
            let has_left = |piles: Vec<usize>| piles.iter().any(|pile| self.piles[*pile].left > 0);
            if !has_left(self.bound(row)) && !has_left(self.own(row)) {
                return;
            }
            let stays = part == Part::Parked || self.rows[row].was_whole();
            let scope = if stays { Scope::Bound } else { Scope::BoundAndFree };
            let chosen = self.choose_domain(row, scope, &BTreeSet::new());
            if self.rows[row].is_gang() && !self.rows[row].was_whole() && !self.rows[row].has_host {
                self.keep_own(row);
                return;
            }
            self.rows[row].domain = chosen;
        }
        if self.rows[row].domain.is_some() {
            if self.rows[row].is_held && part == Part::Seeking {
                self.claim_in_domain(row);
            } else {
                self.claim_all_in_domain(row);
            }
            self.rows[row].holds_on = self.rows[row].was_whole() && self.claimed(row) > 0;
            if self.rows[row].is_short() && part == Part::Seeking {
                self.count_on_free(row);
            }
        }
    }

    fn keep_own(&mut self, row: usize) {
        self.rows[row].domain = self.best_own(row, &self.own_by_place(row));
        if self.rows[row].domain.is_some() {
            let own = self.own(row);
            self.claim_each(row, &own, From::Nobody);
        }
    }

    /// In its domain: its own, then what is nobody's.
    fn claim_in_domain(&mut self, row: usize) {
        let own = if plant::is(Plant::OwnNotFirst) { self.bound(row) } else { self.own(row) };
        for list in [own, self.orphans(row)] {
            self.claim_each(row, &list, From::Nobody);
        }
    }

    /// That, then what was acquired for others and nobody has.
    fn claim_all_in_domain(&mut self, row: usize) {
        self.claim_in_domain(row);
        let others = self.others(row);
        self.claim_each(row, &others, From::Nobody);
    }

    /// The turn of a row with `Same`.
    pub(super) fn seek_in_one_domain(&mut self, row: usize) {
        if !self.rows[row].is_gang() || self.rows[row].holds_on {
            self.mend(row);
            return;
        }
        let holds_own = self.claims(row).iter().any(|(pile, _)| self.is_own(row, *pile));
        if self.rows[row].domain.is_some() {
            self.claim_all_in_domain(row);
            if self.assemble(row, holds_own) {
                return;
            }
        }
        if !holds_own && self.assemble_anew(row) {
            return;
        }
        self.release_claims(row, |cycle, pile| !cycle.is_own(row, pile));
        if self.rows[row].is_capped {
            self.rows[row].has_host = false;
        }
    }

    /// Chooses a domain and assembles there; while that fails because of caps, once more among the others.
    fn assemble_anew(&mut self, row: usize) -> bool {
        let mut tried: BTreeSet<Sym> = BTreeSet::new();
        loop {
            self.release_claims(row, |_, _| true);
            self.rows[row].domain = None;
            let Some(place) = self.choose_domain(row, Scope::Everything, &tried) else { break };
            self.rows[row].domain = Some(place);
            self.claim_all_in_domain(row);
            if self.assemble(row, true) {
                return true;
            }
            if !(self.rows[row].is_capped && self.rows[row].has_host) || plant::is(Plant::OneDomainUnderCaps) {
                break;
            }
            tried.insert(place);
        }
        if !tried.is_empty() {
            self.release_claims(row, |_, _| true);
            self.keep_own(row);
            self.rows[row].is_capped = true;
        }
        false
    }

    /// Whatever there is, for a row that takes what it can get or that was whole.
    fn mend(&mut self, row: usize) {
        if self.rows[row].domain.is_none() {
            self.rows[row].domain = self.choose_domain(row, Scope::Everything, &BTreeSet::new());
        }
        if self.rows[row].domain.is_none() {
            return;
        }
        self.claim_all_in_domain(row);
        let reason = if self.rows[row].is_gang() { Reason::MendGang } else { Reason::CoverDeficit };
        let picks = self.pick_free(row);
        self.draft_acquisition(reason, row, picks);
        self.displace(row);
        self.preempt(row);
    }

    /// All that a gang lacks in its domain, or nothing.
    fn assemble(&mut self, row: usize, may_preempt: bool) -> bool {
        let picks = self.pick_free(row);
        let victims = if may_preempt { self.find_victims(row, true) } else { Vec::new() };
        if self.rows[row].is_short() && !plant::is(Plant::HalfGangs) {
            for (pile, count) in picks {
                self.take_back(pile, row, count);
            }
            (self.rows[row].bootstraps, self.rows[row].provisions) = (0, 0);
            self.reckon(row);
            return false;
        }
        if !picks.is_empty() || !victims.is_empty() {
            self.drafts.push(Draft { reason: Reason::AssembleGang, row, picks, victims });
        }
        true
    }
}
