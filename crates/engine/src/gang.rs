//! Gangs: rows whose machines must share a topology domain. They are put together whole, or hold nothing.
//!
//! A gang is *assembling* from the moment it takes its first machine until enough of them serve: it takes free machines
//! and victims for all that it lacks in one unit, or none. Once whole it may become *degraded*: it keeps what it has and is
//! mended in its domain with whatever there is. One that is not whole in time *retreats*: it gives back what it took, and
//! leaves the field to others for a while, so that two halves never block each other.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use argosy_model::{NeedMark, State};

use crate::cycle::Cycle;
use crate::domain::Scope;
use crate::draft::Draft;
use crate::plan::Reason;
use crate::rows::RowIx;
use crate::standing::{Kind, Part};
use crate::yardstick::{Amounts, add, covers};

/// A gang's own machines in one domain.
struct Own {
    domain: usize,
    all: Amounts,
    serving: Amounts,
}

impl Cycle {
    pub(crate) fn mark(&self, row: RowIx) -> NeedMark {
        self.standing(row).mark
    }

    /// Gives a gang its own machines before anybody else may pick them.
    pub(crate) fn hold_gang(&mut self, row: RowIx) {
        let own = self.own_by_domain(row);
        if own.is_empty() || self.standing(row).part == Part::Retreating {
            return;
        }
        let mark = self.mark(row);
        let want = self.standing(row).yard.want().clone();
        let is_whole = own.iter().any(|own| covers(&own.serving, &want));
        let overdue = |since| self.view.now.since(since) >= self.view.policy.assemble_within;
        if !is_whole && !mark.was_whole && mark.assembling_since.is_some_and(overdue) && !self.is_room_coming(row) {
            self.standing_mut(row).part = Part::Retreating;
            return;
        }
        let is_covered = own.iter().any(|own| covers(&own.all, &want));
        if !mark.was_whole && !is_covered {
            return;
        }
        let domain = self.best_own(row, &own);
        let standing = self.standing_mut(row);
        (standing.domain, standing.has_host, standing.holds_on) = (domain, true, mark.was_whole);
        standing.is_held = true;
        self.claim_all_own(row);
    }

    fn claim_all_own(&mut self, row: RowIx) {
        let account = self.supply.account(row);
        for at in 0..self.supply.accounts.owned(account).len() {
            let class = self.supply.accounts.owned(account)[at];
            if !self.standing(row).is_short() {
                return;
            }
            self.claim(row, class, u32::MAX);
        }
    }

    /// Whether a gang behind this one is retreating from machines that would do for it: then it waits for them, or two halves
    /// would give up together.
    fn is_room_coming(&mut self, row: RowIx) -> bool {
        self.look_beyond(row);
        let menu = self.menus.get(self.standing(row).menu);
        let behind = self.rows.order()[self.rows.rank(row) as usize + 1..].iter();
        behind.copied().any(|behind| {
            let other = self.standing(behind);
            let shares = || self.menus.get(other.menu).listed().iter().any(|shape| menu.place_of(*shape).is_some());
            other.part == Part::Retreating && (other.menu == self.standing(row).menu || shares())
        })
    }

    fn own_by_domain(&self, row: RowIx) -> Vec<Own> {
        let mut found: Vec<Own> = Vec::new();
        for class in self.supply.owned(row) {
            let there = self.within(row, *class);
            let Some((domain, machine)) = self.measure(row, *class).filter(|_| there > 0) else { continue };
            let at = found.binary_search_by_key(&domain, |own| own.domain).unwrap_or_else(|at| {
                let none: Amounts = machine.iter().map(|_| 0).collect();
                found.insert(at, Own { domain, all: none.clone(), serving: none });
                at
            });
            add(&mut found[at].all, &machine, u64::from(there));
            if self.supply.stock(*class).class.state == State::Configured {
                add(&mut found[at].serving, &machine, u64::from(there));
            }
        }
        found
    }

    /// Credits a row with `Same`: one domain is chosen if the cluster has anything for it; otherwise the choice waits for the
    /// row's turn, when it is known what others have left.
    pub(crate) fn credit_same(&mut self, row: RowIx) {
        let part = self.standing(row).part;
        if part == Part::Retreating || !self.standing(row).is_short() {
            return;
        }
        self.take(row);
        if self.standing(row).domain.is_none() {
            if self.is_nothing_bound(row) {
                self.standing_mut(row).is_in_vain = true;
                return;
            }
            let stays = part == Part::Parked || self.was_whole(row);
            let scope = if stays { Scope::Bound } else { Scope::BoundAndFree };
            if !stays {
                self.look_beyond(row);
            }
            let domain = self.choose_domain(row, scope);
            let is_in_vain =
                self.standing(row).kind == Kind::Gang && !self.was_whole(row) && !self.standing(row).has_host;
            if is_in_vain {
                self.standing_mut(row).is_in_vain = true;
                self.keep_own(row);
                return;
            }
            self.standing_mut(row).domain = domain;
        }
        if self.standing(row).domain.is_some() {
            self.claim_in_domain(row);
            if !(self.standing(row).is_held && part == Part::Seeking) {
                self.claim_others(row);
            }
            self.standing_mut(row).holds_on = self.was_whole(row) && self.standing(row).claimed() > 0;
            if self.standing(row).is_short() && part == Part::Seeking {
                self.look_beyond(row);
                self.count_on_free(row);
            }
        }
    }

    /// A gang that no domain can host now keeps what was acquired for it, where most of that is, and nothing else: what
    /// it cannot use others may.
    fn keep_own(&mut self, row: RowIx) {
        let own = self.own_by_domain(row);
        self.standing_mut(row).domain = self.best_own(row, &own);
        if self.standing(row).domain.is_some() {
            self.claim_all_own(row);
        }
    }

    fn best_own(&self, row: RowIx, own: &[Own]) -> Option<usize> {
        let yard = &self.standing(row).yard;
        let merit = |own: &&Own| (yard.coverage(&own.all), yard.coverage(&own.serving), Reverse(yard.total(&own.all)));
        // `max_by_key` takes the last of equals; the domains come in order, so turn them.
        own.iter().rev().max_by_key(merit).map(|own| own.domain)
    }

    fn was_whole(&self, row: RowIx) -> bool {
        self.standing(row).kind == Kind::Gang && self.mark(row).was_whole
    }

    pub(crate) fn is_nothing_bound(&mut self, row: RowIx) -> bool {
        self.in_reach(row).is_empty()
    }

    /// Own machines first, so that one that has just matured never bumps an incumbent.
    fn claim_in_domain(&mut self, row: RowIx) {
        self.claim_all_own(row);
        self.claim_nobodys(row);
    }

    /// That, then what was acquired for others and nobody has.
    fn claim_left_in_domain(&mut self, row: RowIx) {
        self.claim_in_domain(row);
        self.claim_others(row);
    }

    /// A gang that is not whole holds nothing but what was acquired for it.
    fn give_back_others(&mut self, row: RowIx) {
        let account = self.supply.account(row);
        self.release_claims(row, |cycle, class| cycle.supply.stock(class).account != Some(account));
    }

    /// A row's turn: what it lacks is acquired and preempted in its domain.
    pub(crate) fn take_domain(&mut self, row: RowIx) {
        let is_whole_or_nothing = self.standing(row).kind == Kind::Gang && !self.standing(row).holds_on;
        if !is_whole_or_nothing {
            self.mend(row);
            return;
        }
        let holds_own = self
            .standing(row)
            .claims
            .iter()
            .any(|(class, _)| self.supply.stock(*class).account == Some(self.supply.account(row)));
        if self.standing(row).domain.is_some() {
            self.claim_left_in_domain(row);
            if self.assemble(row, holds_own) {
                return;
            }
        }
        if !holds_own && self.assemble_anew(row) {
            return;
        }
        self.give_back_others(row);
        let standing = self.standing_mut(row);
        standing.has_host &= !standing.is_capped;
    }

    /// Chooses a domain and puts a gang together there, with victims; where caps keep it from that, in the next best.
    fn assemble_anew(&mut self, row: RowIx) -> bool {
        self.release_claims(row, |_, _| true);
        self.standing_mut(row).domain = None;
        let Some(first) = self.choose_domain(row, Scope::Everything) else { return false };
        if self.assemble_in(row, first) {
            return true;
        }
        if !(self.standing(row).is_capped && self.standing(row).has_host) {
            return false;
        }
        let mut tried = BTreeSet::from([first]);
        loop {
            self.release_claims(row, |_, _| true);
            self.standing_mut(row).domain = None;
            // Without those that would do by themselves, others may do with prey.
            let hosts = self.hosts_but(row, &tried);
            if hosts.is_empty() {
                break;
            }
            for host in hosts {
                self.standing_mut(row).has_host = true;
                if self.assemble_in(row, host) {
                    return true;
                }
                self.release_claims(row, |_, _| true);
                tried.insert(host);
            }
        }
        self.keep_own(row);
        let standing = self.standing_mut(row);
        (standing.has_host, standing.is_capped) = (false, true);
        false
    }

    fn assemble_in(&mut self, row: RowIx, domain: usize) -> bool {
        self.standing_mut(row).domain = Some(domain);
        self.claim_left_in_domain(row);
        self.assemble(row, true)
    }

    /// Takes whatever there is for a row that tolerates partial fill, or that was whole and keeps what it has.
    fn mend(&mut self, row: RowIx) {
        if self.standing(row).domain.is_none() {
            self.standing_mut(row).domain = self.choose_domain(row, Scope::Everything);
        }
        if self.standing(row).domain.is_none() {
            return;
        }
        self.claim_left_in_domain(row);
        let reason = if self.standing(row).kind == Kind::Gang { Reason::MendGang } else { Reason::CoverDeficit };
        let picks = self.pick_free(row);
        if !picks.is_empty() {
            self.draft(Draft::acquisition(reason, row, picks));
        }
        self.displace(row);
        self.preempt(row);
    }

    /// Takes all that a gang lacks in its domain, or nothing.
    fn assemble(&mut self, row: RowIx, may_preempt: bool) -> bool {
        let picks = self.pick_free(row);
        let victims = if may_preempt { self.find_victims(row, true) } else { None };
        if self.standing(row).is_short() {
            self.put_back(row, &picks);
            return false;
        }
        let victims = victims.unwrap_or_default();
        if !(picks.is_empty() && victims.is_empty()) {
            self.draft(Draft { reason: Reason::AssembleGang, row, picks, victims });
        }
        true
    }
}
