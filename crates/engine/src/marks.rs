//! Marks: what the next cycle must know of this one. Only changes are written, so a shard at rest writes nothing.

use std::collections::BTreeSet;

use argosy_model::{NeedKey, NeedMark, State};

use crate::cycle::Cycle;
use crate::plan::Verdict;
use crate::rows::RowIx;
use crate::standing::Part;
use crate::verdict::since;
use crate::yardstick::covers;

impl Cycle<'_> {
    /// The marks that change, by key.
    pub(crate) fn changed_marks(&self, verdicts: &[Verdict]) -> Vec<(NeedKey, NeedMark)> {
        let mut changed: Vec<(NeedKey, NeedMark)> = Vec::new();
        for (row, verdict) in self.row_ixs().zip(verdicts) {
            let next = self.next_mark(row, verdict);
            if next != self.mark(row) {
                changed.push((verdict.key, next));
            }
        }
        // Rows with marks were counted when they were listed: if there are no more marks than that, none is stale.
        let present = self.standings.iter().filter(|standing| standing.mark != NeedMark::default()).count();
        if self.view.demand.marks().count() > present {
            let rows: BTreeSet<NeedKey> = self.rows.iter().map(|row| row.key).collect();
            let gone = self.view.demand.marks().filter(|(key, _)| !rows.contains(key));
            changed.extend(gone.map(|(key, _)| (*key, NeedMark::default())));
        }
        changed.sort_unstable_by_key(|(key, _)| *key);
        changed
    }

    fn next_mark(&self, row: RowIx, verdict: &Verdict) -> NeedMark {
        let (before, now) = (self.mark(row), self.view.now);
        let standing = self.standing(row);
        let mut next = NeedMark { unmet_since: verdict.unmet_since, ..NeedMark::default() };
        if !self.row(row).is_same() {
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
        if self.row(row).is_atomic() {
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
                let is_whole = holds && covers(&self.covered_by(row, &[State::Configured]), standing.yard.want());
                next.was_whole = is_whole || standing.holds_on;
                next.assembling_since = since(before.assembling_since, holds && !next.was_whole, now);
            }
        }
    }
}
