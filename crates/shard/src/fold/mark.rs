//! Marks: the state before an entry, kept so that an entry that trips an assertion is taken back whole.
//!
//! A clone would do, but pages that hold a record for each machine would all be copied for it as they are written to. Of these the
//! records are kept that are written over; of everything else a clone is.

use std::mem::take;

use crate::plant::{Bug, planted};
use crate::state::ShardState;

impl ShardState {
    /// What [`Self::back_to`] takes. Ends with that, or with [`Self::settle`].
    pub(super) fn mark(&mut self) -> Self {
        Self { fleet: self.fleet.mark(), ledger: self.ledger.mark(), settled: self.settled.mark(), ..self.clone() }
    }

    /// Lets what was written since the mark stand.
    pub(super) fn settle(&mut self) {
        self.fleet.settle();
        self.ledger.settle();
        self.settled.settle();
    }

    /// Takes back what was written since the mark.
    pub(super) fn back_to(&mut self, mut mark: Self) {
        if planted(Bug::RecordsStand) {
            self.settle();
        }
        self.fleet.back_to(take(&mut mark.fleet));
        self.ledger.back_to(take(&mut mark.ledger));
        self.settled.back_to(take(&mut mark.settled));
        let (fleet, ledger, settled) = (take(&mut self.fleet), take(&mut self.ledger), take(&mut self.settled));
        *self = Self { fleet, ledger, settled, ..mark };
    }

    /// Folds an entry into a copy, takes it back, and sees that nothing is left of it.
    #[cfg(test)]
    pub(crate) fn assert_taken_back(&self, index: u64, term: u64, entry: &[u8]) {
        let is_same = |copy: &Self| {
            assert_eq!(copy.state_hash(), self.state_hash(), "entry {index} was taken back");
            assert_eq!(copy.fleet.edition(), self.fleet.edition());
            assert_eq!(copy.fleet.classes().iter().count(), self.fleet.classes().iter().count());
            assert!(copy.ledger.iter().eq(self.ledger.iter()));
            assert_eq!((copy.ledger.len(), copy.next_deadline()), (self.ledger.len(), self.next_deadline()));
            assert!(copy.settled.iter().eq(self.settled.iter()));
        };
        let (mut taken_back, mut straight) = (self.clone(), self.clone());
        let mark = taken_back.mark();
        taken_back.fold(index, term, entry);
        taken_back.back_to(mark);
        is_same(&taken_back);
        is_same(self);
        assert_eq!(taken_back.fold(index, term, entry), straight.fold(index, term, entry), "and comes to the same");
        assert_eq!(taken_back.state_hash(), straight.state_hash());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::tests::ground::{Answer, Ground};
    use crate::operation::Refusal;
    use crate::plant::is_noticed;

    /// Pools grow, are turned down, shrink and lose their slots; each entry is taken back before it is folded in.
    fn entries_are_taken_back_whole() {
        let mut ground = Ground::new(&["p", "q"], &["r1", "r2"], 4);
        ground.is_taken_back = true;
        ground.set("version: 1\n");
        ground.breaks("p", &["r1"], Answer::Refuses(Refusal::StockOut));
        ground.breaks("q", &["r2"], Answer::Fails);
        ground.pool(6, "{strategy: priority, among: [{provider: p, priority: 1}, {provider: q, priority: 2}]}");
        ground.run(6);
        ground.ask(3);
        ground.run(4);
        ground.lead(2);
        ground.ask(0);
        ground.run(30);
        ground.take_away("p", 2);
        assert!(ground.calls_to("p") > 0 && ground.calls_to("q") > 0, "{:?}", ground.calls);
    }

    #[test]
    fn whatever_an_entry_writes_is_taken_back_whole() {
        entries_are_taken_back_whole();
    }

    #[test]
    fn records_that_are_not_put_back_are_noticed() {
        assert!(is_noticed(Bug::RecordsStand, entries_are_taken_back_whole));
    }
}
