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
use crate::rows::RowIx;
use crate::supply::{ClassIx, Supply};

impl Cycle<'_> {
    /// Gives out everything that is bound or on its way.
    pub(crate) fn credit(&mut self) {
        // From behind, so that a gang knows whether one behind it retreats; what gangs own no two of them share.
        for row in self.row_ixs().rev() {
            if self.row(row).is_atomic() {
                self.hold_gang(row);
            }
        }
        for row in self.row_ixs() {
            if self.row(row).is_same() {
                self.credit_same(row);
            } else {
                self.credit_plain(row);
            }
        }
    }

    fn credit_plain(&mut self, row: RowIx) {
        let own = self.supply.owned(row).to_vec();
        let (coming, bound): (Vec<ClassIx>, Vec<ClassIx>) =
            own.into_iter().partition(|ix| is_coming(&self.supply, *ix));
        self.claim_each(row, &bound);
        if !self.standing(row).is_short() {
            return;
        }
        let keep = self.keep_list(row);
        let (orphans, others): (Vec<ClassIx>, Vec<ClassIx>) =
            keep.iter().partition(|ix| self.supply.stock(**ix).account.is_none());
        self.claim_each(row, &orphans);
        self.claim_each(row, &coming);
        self.claim_each(row, &others);
    }

    /// Another walk for a row whose cluster got machines back after the credit.
    pub(crate) fn credit_again(&mut self, row: RowIx) {
        let keep = self.keep_list(row);
        self.claim_each(row, &keep);
    }

    /// Gives a row machines of these classes in their order, until it is covered. A row that spreads takes from the
    /// emptiest domains, so that what is left over for a reclaim does not unbalance it.
    pub(crate) fn claim_each(&mut self, row: RowIx, classes: &[ClassIx]) {
        if self.row(row).profile.spread().is_some() {
            self.claim_balanced(row, classes);
            return;
        }
        for class in classes {
            if !self.standing(row).is_short() {
                return;
            }
            if self.supply.stock(*class).left > 0 {
                self.claim(row, *class, u32::MAX);
            }
        }
    }
}

/// Whether a class is on its way to whoever it was acquired for.
pub(crate) fn is_coming(supply: &Supply<'_>, ix: ClassIx) -> bool {
    matches!(supply.stock(ix).class.state, State::Creating | State::Draining)
}
