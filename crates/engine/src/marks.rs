//! Marks: what the next cycle must know of this one. Only changes are written, so a shard at rest writes nothing.

use argosy_model::{NeedKey, NeedMark, ShardTime, State};

use crate::cycle::Cycle;
use crate::rows::RowIx;
use crate::standing::{Kind, Part};
use crate::verdict::since;

impl Cycle {
    /// Lets go of what is remembered of rows that are gone.
    pub(crate) fn forget_gone(&self, changed: &mut Vec<(NeedKey, NeedMark)>) {
        // Rows with marks are counted: if there are no more marks than that, none is stale.
        if self.view.demand.marked() > self.marked {
            let is_row = |key: &NeedKey| self.rows.find(key).is_some_and(|row| self.row(row).key == *key);
            let gone = self.view.demand.marks().filter(|(key, _)| !is_row(key));
            changed.extend(gone.map(|(key, _)| (*key, NeedMark::default())));
        }
    }

    pub(crate) fn next_mark(&self, row: RowIx, unmet_since: Option<ShardTime>) -> NeedMark {
        let (before, now) = (self.mark(row), self.view.now);
        let standing = self.standing(row);
        let mut next = NeedMark { unmet_since, ..NeedMark::default() };
        if !standing.is_same() {
            return next;
        }
        let acquired = standing.bootstraps + standing.provisions + standing.victims;
        let is_parked = standing.part == Part::Parked;
        let seeks_in_vain =
            standing.part == Part::Seeking && standing.is_short() && acquired == 0 && !standing.has_host;
        next.hopeless_since = since(before.hopeless_since, is_parked || seeks_in_vain, now);
        if next.hopeless_since.is_some() {
            next.probed_at = if standing.is_probing { Some(now) } else { before.probed_at };
        }
        if standing.kind == Kind::Gang {
            self.mark_gang(row, &before, &mut next);
        }
        next
    }

    fn mark_gang(&self, row: RowIx, before: &NeedMark, next: &mut NeedMark) {
        let (standing, now) = (self.standing(row), self.view.now);
        match standing.part {
            Part::Retreating => {
                let until = before.retreat_until.filter(|until| now < *until);
                next.retreat_until = until.or(Some(now.plus(self.view.policy.retreat_for)));
            }
            Part::Evicted => {}
            Part::Seeking | Part::Parked => {
                let holds = standing.claimed() > 0;
                let is_whole = holds && self.is_covered_in(row, &[State::Configured]);
                next.was_whole = is_whole || standing.holds_on;
                next.assembling_since = since(before.assembling_since, holds && !next.was_whole, now);
            }
        }
    }
}
