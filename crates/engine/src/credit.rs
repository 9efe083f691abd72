//! Phase 1, credit: machines that serve a cluster, or are on their way to it, are given to its needs. No action comes of it.
//!
//! The accounting law: capacity counts for a cluster exactly if it is bound to it, or was acquired or is being freed for
//! one of its needs. Each machine is given once, whole. By precedence, a need takes
//!
//! 1. what was acquired for it and serves or joins its cluster,
//! 2. machines of its cluster that were acquired for no need that is still there,
//! 3. what is on its way to it: being created for it, or drained for it,
//! 4. machines acquired for other needs of its cluster,
//!
//! each in keep order, until it is covered. Its own come first so that a converged cluster stays as it is. Gangs that
//! hold machines take theirs before anybody else: a gang is let go by withdrawal or by preemption as a whole, never by
//! another need of its cluster picking a member (docs/adr/0040-credit-own-machines-first.md).

use argosy_model::State;

use crate::cycle::Cycle;
use crate::holding::Whose;
use crate::rows::RowIx;
use crate::standing::{Basis, Kind};
use crate::supply::{ClassIx, Supply};

impl Cycle {
    /// Gives out what is bound or on its way, in every cluster where something has changed; with them in those whose
    /// credit looks beyond the cluster.
    pub(crate) fn credit(&mut self) {
        let rows = self.begin_credit();
        // From behind, so that a gang knows whether one behind it retreats; what gangs own no two of them share.
        for row in rows.iter().rev() {
            if self.standing(*row).kind == Kind::Gang {
                self.hold_gang(*row);
            }
        }
        for row in &rows {
            if self.standing(*row).is_same() {
                self.credit_same(*row);
            } else {
                self.credit_plain(*row);
            }
        }
        for row in rows {
            let standing = &mut self.standings[row.at()];
            if standing.is_as_before {
                continue;
            }
            standing.credited = (standing.domain, standing.has_host);
            let is_short = standing.is_short();
            self.count_short(row, is_short);
            self.pulses.freshen(row);
        }
    }

    /// Takes back what was given in the clusters that are to be credited. Returns their rows in order.
    fn begin_credit(&mut self) -> Vec<RowIx> {
        self.counted_on.clear();
        let mut is_due = vec![false; self.supply.holdings.len()];
        for (at, holding) in self.supply.holdings.iter_mut().enumerate() {
            is_due[at] = holding.is_dirty || holding.is_farsighted;
            holding.is_reopened = false;
            if is_due[at] {
                (holding.is_dirty, holding.is_farsighted, holding.is_stale) = (false, false, true);
            }
        }
        for at in (0..is_due.len()).filter(|at| is_due[*at]) {
            self.supply.reset(argosy_model::ClusterIx::from_index(at));
        }
        let due = |row: &RowIx| is_due[self.pulses.cluster(*row).index()];
        let rows: Vec<RowIx> = self.rows.order().iter().copied().filter(due).collect();
        for row in &rows {
            let standing = &mut self.standings[row.at()];
            standing.is_as_before = false;
            if standing.basis.is_none() {
                standing.reset(&self.view.policy, self.view.now);
            }
        }
        rows
    }

    /// What a row would be credited from if its own machines covered it.
    pub(crate) fn basis(&self, row: RowIx) -> Basis {
        let account = self.supply.account(row);
        let left = self.supply.accounts.owned(account).iter().map(|class| self.supply.stock(*class).left).collect();
        Basis { changes: self.supply.accounts.changes(account), left }
    }

    /// Gives a row what it was given before, if it was credited from its own alone and finds that as it was then. If not, it
    /// begins anew.
    pub(crate) fn credit_as_before(&mut self, row: RowIx) -> bool {
        let Some(basis) = &self.standing(row).basis else { return false };
        if *basis != self.basis(row) {
            self.standings[row.at()].reset(&self.view.policy, self.view.now);
            return false;
        }
        for at in 0..self.standing(row).claims.len() {
            let (class, count) = self.standing(row).claims[at];
            self.supply.give(class, row, count);
        }
        self.standing_mut(row).is_as_before = true;
        true
    }

    fn credit_plain(&mut self, row: RowIx) {
        if self.credit_as_before(row) {
            return;
        }
        let basis = self.basis(row);
        self.claim_own(row, false);
        if !self.standing(row).is_short() {
            self.standing_mut(row).basis = Some(basis);
            return;
        }
        self.claim_kept(row, Whose::Nobodys);
        self.claim_own(row, true);
        self.claim_kept(row, Whose::Somebodys);
    }

    /// Another walk for a row whose cluster got machines back after the credit.
    pub(crate) fn credit_again(&mut self, row: RowIx) {
        let keep = self.keep_list(row);
        let kept = self.supply.keep(keep).classes.clone();
        self.claim_each(row, kept.into_iter());
    }

    /// Gives a row what was acquired for it: what is on its way, or what serves and joins.
    fn claim_own(&mut self, row: RowIx, coming: bool) {
        let account = self.supply.account(row);
        let own = self.supply.accounts.owned(account);
        let first_coming = own.partition_point(|ix| !is_coming(&self.supply, *ix));
        let range = if coming { first_coming..own.len() } else { 0..first_coming };
        if self.standing(row).kind == Kind::Spread {
            let own = own[range].to_vec();
            self.claim_balanced(row, &own);
            return;
        }
        for at in range {
            if !self.standing(row).is_short() {
                return;
            }
            let class = self.supply.accounts.owned(account)[at];
            if self.supply.stock(class).left > 0 {
                self.claim(row, class, u32::MAX);
            }
        }
    }

    /// Gives a row machines of its cluster.
    pub(crate) fn claim_kept(&mut self, row: RowIx, whose: Whose) {
        if !self.standing(row).is_short() {
            return;
        }
        let keep = self.keep_list(row);
        if self.standing(row).kind == Kind::Spread {
            self.claim_kept_balanced(row, keep, whose);
            return;
        }
        let begin = if self.is_turns { 0 } else { self.supply.begin(keep, whose) };
        for at in begin..self.supply.keep(keep).classes.len() {
            let class = self.supply.keep(keep).classes[at];
            if whose.means(self.supply.stock(class)) {
                self.claim(row, class, u32::MAX);
                if !self.standing(row).is_short() {
                    return;
                }
            }
        }
    }

    /// Gives a row machines of these classes in their order, until it is covered. A row that spreads takes from the
    /// emptiest domains, so that what is left over for a reclaim does not unbalance it.
    pub(crate) fn claim_each(&mut self, row: RowIx, classes: impl Iterator<Item = ClassIx>) {
        if self.standing(row).kind == Kind::Spread {
            let classes: Vec<ClassIx> = classes.collect();
            self.claim_balanced(row, &classes);
            return;
        }
        for class in classes {
            if !self.standing(row).is_short() {
                return;
            }
            if self.supply.stock(class).left > 0 {
                self.claim(row, class, u32::MAX);
            }
        }
    }

    /// The credit of a row's cluster depends on more than the cluster.
    pub(crate) fn look_beyond(&mut self, row: RowIx) {
        if !self.is_turns {
            self.supply.holdings[self.rows.get(row).key.cluster.index()].is_farsighted = true;
        }
    }
}

/// Whether a class is on its way to whoever it was acquired for.
pub(crate) fn is_coming(supply: &Supply, ix: ClassIx) -> bool {
    matches!(supply.stock(ix).class.state, State::Creating | State::Draining)
}
