//! Phase 1, credit: machines that serve a cluster, or are on their way to it, are given to its needs. No action comes of it.
//!
//! The accounting law: capacity counts for a cluster exactly if it is bound to it, or was acquired or is being freed for
//! one of its needs. Each machine is given once, whole. By precedence, a need takes
//!
//! 1. what was acquired for it and serves or joins its cluster,
//! 2. machines of its cluster that were acquired for no need that is still there,
//! 3. what is on its way to it: being created for it, or drained for it,
//!
//! each in keep order, until it is covered. Its own come first so that a converged cluster stays as it is. What was acquired for
//! other needs of its cluster it may take in its turn (`displace.rs`, docs/adr/0057-acquire-before-displacing.md); only rows
//! with `Same` that choose a domain weigh it up here. Gangs that hold machines take theirs before anybody else: a gang is let go by withdrawal or by preemption
//! as a whole, never by another need of its cluster picking a member (docs/adr/0040-credit-own-machines-first.md).

use std::cmp::Reverse;

use argosy_model::State;

use crate::ahead::TOGETHER;
use crate::claims::Phase;
use crate::cycle::Cycle;
use crate::pulse::Pulse;
use crate::rows::RowIx;
use crate::standing::{Kind, Stage};
use crate::supply::{ClassIx, Supply};

/// What serves a cluster or is joining it, as a row may be given it: its own and what nobody owns in keep order; what others
/// own, the last row's first, in keep order.
struct Sorted {
    own: Vec<ClassIx>,
    nobodys: Vec<ClassIx>,
    others: Vec<ClassIx>,
}

impl Cycle {
    /// Gives out what is bound or on its way, as far as that may be otherwise than it was.
    pub(crate) fn credit(&mut self) {
        self.counted_on.clear();
        let rows = self.open_agenda();
        self.phase = Phase::Hold;
        // From behind, so that a gang knows whether one behind it retreats; what gangs own no two of them share.
        for row in rows.iter().rev() {
            if self.standing(*row).kind == Kind::Gang {
                self.unhold(*row);
                let standing = &mut self.standings[row.at()];
                standing.reset(&self.view.policy, self.view.now);
                standing.stage = Stage::Begun;
                self.hold_gang(*row);
                self.pass_on_hold(*row);
            }
        }
        self.phase = Phase::Credit;
        let mut ahead = rows.chunks(TOGETHER).peekable();
        while let Some(row) = self.next_due() {
            if let Some(rows) = ahead.next_if(|rows| rows[0] == row) {
                self.look_ahead(rows);
                self.look_ahead_at_owned(rows);
            }
            self.credit_row(row);
        }
    }

    fn credit_row(&mut self, row: RowIx) {
        self.begin_credit(row);
        if self.standing(row).is_same() {
            self.credit_same(row);
        } else {
            self.credit_plain(row);
        }
        self.standing_mut(row).stage = Stage::Settled;
        self.pass_on(row);
        let is_short = self.standing(row).is_short();
        self.count_short(row, is_short);
        self.pulses.freshen(row);
    }

    fn begin_credit(&mut self, row: RowIx) {
        if self.standing(row).stage == Stage::Begun {
            return;
        }
        self.lift(row);
        let standing = &mut self.standings[row.at()];
        if standing.kind != Kind::Gang {
            standing.reset(&self.view.policy, self.view.now);
        } else if standing.is_held {
            standing.holds_on = standing.mark.was_whole;
            self.reckon(row);
        } else {
            standing.clear();
        }
    }

    fn credit_plain(&mut self, row: RowIx) {
        if self.claim_all_even(row) {
            return;
        }
        self.claim_own(row, false);
        if !self.standing(row).is_short() {
            return;
        }
        self.take(row);
        self.claim_nobodys(row);
        self.claim_own(row, true);
    }

    /// Notes that a row looks beyond its own.
    pub(crate) fn take(&mut self, row: RowIx) {
        let keep = self.keep_list(row);
        let kind = self.standing(row).kind;
        if self.standings[row.at()].takes.replace((keep, kind)).is_none() {
            self.supply.note_taker(keep, kind, row);
        }
    }

    /// In its turn a row is first given what nobody has. Of what is on its way to it that is something only if it has lost a
    /// machine since the credit.
    pub(crate) fn claim_left(&mut self, row: RowIx, has_lost: bool) {
        let spare = self.supply.spare(self.pulses.cluster(row)).to_vec();
        let Sorted { own, nobodys, others } = self.sorted_for(row, spare.into_iter());
        self.claim_each(row, &own);
        self.claim_each(row, &nobodys);
        if has_lost {
            self.claim_own(row, true);
        }
        self.claim_each(row, &others);
    }

    fn claim_each(&mut self, row: RowIx, classes: &[ClassIx]) {
        if self.standing(row).kind == Kind::Spread {
            self.claim_balanced(row, classes);
            return;
        }
        for class in classes {
            if !self.standing(row).is_short() {
                return;
            }
            self.claim(row, *class, u32::MAX);
        }
    }

    /// Whether a row's cluster has anything for it that nobody has been given.
    pub(crate) fn has_spare(&mut self, row: RowIx) -> bool {
        let Pulse { cluster, menu, .. } = *self.pulses.get(row);
        if self.supply.spare(cluster).is_empty() {
            return false;
        }
        let menu = self.menus.get(menu);
        let spare = self.supply.spare(cluster).to_vec();
        spare.into_iter().any(|class| menu.place_of(self.supply.stock(class).class.shape).is_some())
    }

    /// Of classes that serve a row's cluster or are joining it those that will do for it, in order.
    fn sorted_for(&self, row: RowIx, classes: impl Iterator<Item = ClassIx>) -> Sorted {
        let menu = self.menus.get(self.standing(row).menu);
        let account = self.supply.account(row);
        let (mut own, mut nobodys, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for class in classes {
            let stock = self.supply.stock(class);
            if menu.place_of(stock.class.shape).is_none() {
                continue;
            }
            match stock.account {
                None => nobodys.push((stock.keep_order(), class)),
                Some(owner) if owner == account => own.push((stock.keep_order(), class)),
                Some(owner) => {
                    let rows = self.supply.accounts.rows(owner).iter();
                    let last = rows.map(|row| self.rows.rank(*row)).max().expect("an open account has rows");
                    others.push(((Reverse(last), stock.keep_order()), class));
                }
            }
        }
        Sorted { own: in_order(own), nobodys: in_order(nobodys), others: in_order(others) }
    }

    /// Gives a row what was acquired for it: what is on its way, or what serves and joins.
    pub(crate) fn claim_own(&mut self, row: RowIx, coming: bool) {
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
            self.claim(row, class, u32::MAX);
        }
    }

    /// Gives a row machines of its cluster that were acquired for no row that is there.
    pub(crate) fn claim_nobodys(&mut self, row: RowIx) {
        if !self.standing(row).is_short() {
            return;
        }
        let keep = self.keep_list(row);
        if self.standing(row).kind == Kind::Spread {
            let nobodys = self.supply.keep(keep).nobodys().to_vec();
            self.claim_balanced(row, &nobodys);
            return;
        }
        for at in 0..self.supply.keep(keep).nobodys().len() {
            let class = self.supply.keep(keep).nobodys()[at];
            if self.within(row, class) > 0 {
                self.claim(row, class, u32::MAX);
                if !self.standing(row).is_short() {
                    return;
                }
            }
        }
    }

    /// Gives a row machines of its cluster that were acquired for other rows, from the last row backwards.
    pub(crate) fn claim_others(&mut self, row: RowIx) {
        if !self.standing(row).is_short() {
            return;
        }
        if let Some(domain) = self.standing(row).domain {
            self.claim_others_in(row, domain);
            return;
        }
        let keep = self.keep_list(row);
        if self.standing(row).kind == Kind::Spread {
            self.claim_others_balanced(row, keep);
            return;
        }
        for at in (0..self.supply.keep(keep).owners().len()).rev() {
            let owner = self.supply.keep(keep).owners()[at];
            if !self.may_have_for(row, owner) {
                continue;
            }
            let account = self.supply.account(owner);
            for at in 0..self.supply.accounts.owned(account).len() {
                let class = self.supply.accounts.owned(account)[at];
                if is_coming(&self.supply, class) {
                    break;
                }
                if self.within(row, class) > 0 {
                    self.claim(row, class, u32::MAX);
                }
                if !self.standing(row).is_short() {
                    return;
                }
            }
        }
    }

    fn claim_others_in(&mut self, row: RowIx, domain: usize) {
        let cluster = Some(self.rows.get(row).key.cluster);
        let shapes = self.menus.get(self.standing(row).menu).shapes_in(domain);
        let bound = shapes.iter().flat_map(|shape| self.supply.bound(*shape)).copied();
        let is_there =
            |class: &ClassIx| self.supply.stock(*class).class.cluster == cluster && self.within(row, *class) > 0;
        let Sorted { others, .. } = self.sorted_for(row, bound.filter(is_there));
        self.claim_each(row, &others);
    }

    /// Whether a row may find something in what another owns: what it has not been given itself, or may have to give up.
    pub(crate) fn may_have_for(&self, row: RowIx, owner: RowIx) -> bool {
        let account = self.supply.account(owner);
        let rows = self.supply.accounts.rows(account);
        let is_last = || rows.len() == 1 || rows.iter().all(|other| self.rows.rank(*other) <= self.rows.rank(owner));
        let has_something = self.supply.accounts.loose(account) > 0
            || (self.phase != Phase::Turns && rows.iter().any(|other| self.rows.rank(*other) > self.rows.rank(row)));
        account != self.supply.account(row) && has_something && is_last()
    }

    /// The credit of a row depends on more than its cluster.
    pub(crate) fn look_beyond(&mut self, row: RowIx) {
        if matches!(self.phase, Phase::Hold | Phase::Credit) {
            self.agenda.look_beyond(row);
        }
    }
}

fn in_order<K: Ord>(mut classes: Vec<(K, ClassIx)>) -> Vec<ClassIx> {
    classes.sort_unstable();
    classes.into_iter().map(|(_, class)| class).collect()
}

/// Whether a class is on its way to whoever it was acquired for.
pub(crate) fn is_coming(supply: &Supply, ix: ClassIx) -> bool {
    matches!(supply.stock(ix).class.state, State::Creating | State::Draining)
}
