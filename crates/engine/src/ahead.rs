//! Looking ahead: a cycle looks at thousands of rows scattered over memory, one after the other, and each look would wait for the one
//! before. So rows are looked at some at a time: first a word of every cache line that will be needed, side by side, so that
//! the waits overlap; then each row in its turn. Nothing is decided here and nothing is kept
//! (docs/adr/0144-what-is-needed-next-is-read-side-by-side.md).

use std::hint::black_box;

use argosy_model::ShapeIx;
use argosy_model::fleet::Class;
use smallvec::SmallVec;

use crate::accounts::Account;
use crate::cycle::Cycle;
use crate::pulse::Pulse;
use crate::rows::RowIx;
use crate::standing::Kind;
use crate::supply::{ClassIx, attributed};

/// How many are looked ahead at together: what is read of them is still in the nearest caches when they are come to.
pub(crate) const TOGETHER: usize = 32;

/// From how many rows on looking ahead pays. What is kept of fewer stays in the caches from cycle to cycle. Tests look ahead at everything.
const MANY: usize = if cfg!(debug_assertions) { 1 } else { 8_192 };

/// Reads something, for no other purpose than that it has been read.
pub(crate) fn read<T: Copy>(word: T) {
    black_box(word);
}

impl Cycle {
    /// Whether so much is kept that looking ahead pays.
    fn is_vast(&self) -> bool {
        self.rows.handles() >= MANY
    }

    /// Reads where rows stand. What is read of one does not depend on what was read of another, nor is there a branch on it.
    pub(crate) fn look_ahead(&self, rows: &[RowIx]) {
        if !self.is_vast() {
            return;
        }
        for row in rows {
            self.standing(*row).read_all();
            read(self.rows.rank(*row));
            read(self.pulses.cluster(*row));
        }
    }

    /// Reads the classes of which rows have been given some.
    pub(crate) fn look_ahead_at_claims(&self, rows: &[RowIx]) {
        if !self.is_vast() {
            return;
        }
        for (class, _) in rows.iter().flat_map(|row| &self.standing(*row).claims) {
            self.supply.stock(*class).read_all();
        }
    }

    /// Reads what is kept of classes that machines leave or enter, of their shapes, and of whose they are. Returns where they are listed; those
    /// that are new are not.
    pub(crate) fn look_ahead_at_shifts(&self, shifts: &[(Class, i64)]) -> SmallVec<[Option<ClassIx>; TOGETHER]> {
        let supply = &self.supply;
        let known: SmallVec<[Option<ClassIx>; TOGETHER]> =
            shifts.iter().map(|(class, _)| supply.position(class)).collect();
        if !self.is_vast() {
            return known;
        }
        let shapes: SmallVec<[ShapeIx; TOGETHER]> = shifts.iter().map(|(class, _)| class.shape).collect();
        shapes.iter().for_each(|shape| supply.read_shape(*shape));
        known.iter().flatten().for_each(|ix| supply.stock(*ix).read_all());
        self.menus.look_ahead(&shapes);
        let new = shifts.iter().zip(&known).filter(|(_, known)| known.is_none());
        let claims = new.filter_map(|((class, _), _)| attributed(class));
        let accounts: SmallVec<[Account; TOGETHER]> =
            claims.filter_map(|claim| supply.accounts.look_up(&claim)).collect();
        self.look_ahead_at_accounts(&accounts);
        known
    }

    /// Reads what is kept of classes. Returns whose they are.
    pub(crate) fn look_ahead_at_classes(&self, classes: &[ClassIx]) -> SmallVec<[Account; TOGETHER]> {
        let supply = &self.supply;
        if !self.is_vast() {
            return SmallVec::new();
        }
        classes.iter().for_each(|ix| supply.stock(*ix).read_all());
        let accounts: SmallVec<[Account; TOGETHER]> =
            classes.iter().filter_map(|ix| supply.stock(*ix).account).collect();
        classes.iter().for_each(|ix| supply.read_shape(supply.stock(*ix).class.shape));
        self.look_ahead_at_accounts(&accounts);
        accounts
    }

    /// Reads what is kept of classes and of the rows that own them.
    pub(crate) fn look_ahead_at_owners(&self, classes: &[ClassIx]) {
        let supply = &self.supply;
        let accounts = self.look_ahead_at_classes(classes);
        let owners = accounts.iter().filter_map(|account| supply.accounts.rows(*account).first());
        let owners: SmallVec<[RowIx; TOGETHER]> = owners.copied().collect();
        self.look_ahead(&owners);
    }

    /// Reads what is listed under accounts.
    fn look_ahead_at_accounts(&self, accounts: &[Account]) {
        let listed = &self.supply.accounts;
        accounts.iter().for_each(|account| listed.read_all(*account));
        accounts.iter().for_each(|account| read(listed.owned(*account).first().copied()));
        let owned = accounts.iter().flat_map(|account| listed.owned(*account));
        owned.for_each(|ix| self.supply.stock(*ix).read_all());
    }

    /// Reads what is owned by rows.
    pub(crate) fn look_ahead_at_owned(&self, rows: &[RowIx]) {
        if !self.is_vast() {
            return;
        }
        let accounts: SmallVec<[Account; TOGETHER]> = rows.iter().map(|row| self.supply.account(*row)).collect();
        self.look_ahead_at_accounts(&accounts);
    }

    /// Reads the verdicts on rows.
    pub(crate) fn look_ahead_at_verdicts(&self, rows: &[RowIx]) {
        if !self.is_vast() {
            return;
        }
        for row in rows.iter().filter(|row| self.standing(**row).is_likely_news()) {
            self.verdicts[self.rows.rank(*row) as usize].read_all();
        }
    }

    /// Looks ahead at the next rows, and at what those of them that are likely to take a turn have been given. Returns how far.
    pub(crate) fn look_ahead_at_turns(&self, from: usize) -> usize {
        if !self.is_vast() {
            return usize::MAX;
        }
        let ranks = std::iter::successors(self.turns.next(from), |rank| self.turns.next(rank + 1));
        let ranks: SmallVec<[usize; TOGETHER]> = ranks.take(TOGETHER).collect();
        let rows: SmallVec<[RowIx; TOGETHER]> = ranks.iter().map(|rank| self.rows.order()[*rank]).collect();
        rows.iter().for_each(|row| read(*self.pulses.get(*row)));
        let is_likely = |row: &RowIx| {
            let Pulse { menu, kind, cluster, .. } = *self.pulses.get(*row);
            let is_same = matches!(kind, Kind::Same | Kind::Gang);
            is_same
                || self.menus.get(menu).free > 0
                || self.supply.may_have_spare(cluster)
                || self.robbed.contains(row.at())
        };
        let rows: SmallVec<[RowIx; TOGETHER]> = rows.into_iter().filter(is_likely).collect();
        self.look_ahead(&rows);
        rows.iter().for_each(|row| read((self.supply.account(*row), self.rows.get(*row).profile.priority)));
        self.look_ahead_at_claims(&rows);
        ranks.last().map_or(from, |rank| rank + 1)
    }
}
