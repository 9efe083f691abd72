//! Marks: what the next cycle must know of this one; only what changes.

use std::collections::BTreeMap;

use argosy_engine::Verdict;
use argosy_model::{NeedKey, NeedMark, State};

use super::Cycle;
use super::measure::covers;
use super::rows::Part;

impl Cycle<'_> {
    /// By key. What is remembered of a row that is no longer there is forgotten.
    pub(super) fn changed_marks(&self, verdicts: &[Verdict]) -> Vec<(NeedKey, NeedMark)> {
        let mut next: BTreeMap<NeedKey, NeedMark> =
            self.view.demand.marks().map(|(key, _)| (*key, NeedMark::default())).collect();
        for (row, verdict) in verdicts.iter().enumerate() {
            next.insert(verdict.key, self.next_mark(row, verdict));
        }
        next.into_iter().filter(|(key, mark)| self.view.demand.mark(key) != *mark).collect()
    }

    fn next_mark(&self, row: usize, verdict: &Verdict) -> NeedMark {
        let (asked, before, now) = (&self.rows[row], self.rows[row].mark, self.view.now);
        let mut next = NeedMark { unmet_since: verdict.unmet_since, ..NeedMark::default() };
        if !asked.is_same() {
            return next;
        }
        let got = asked.bootstraps + asked.provisions + asked.victims;
        let in_vain = asked.part == Part::Seeking && asked.is_short() && got == 0 && !asked.has_host;
        if in_vain || asked.part == Part::Parked {
            next.hopeless_since = before.hopeless_since.or(Some(now));
            next.probed_at = if asked.is_probing { Some(now) } else { before.probed_at };
        }
        if !asked.is_gang() {
            return next;
        }
        match asked.part {
            Part::Retreating => {
                let running = before.retreat_until.filter(|until| now < *until);
                next.retreat_until = running.or(Some(now.plus(self.view.policy.retreat_for)));
            }
            Part::Evicted => {}
            Part::Seeking | Part::Parked => {
                let holds = self.claimed(row) > 0;
                let serves = covers(&self.covered_in(row, &[State::Configured]), &asked.measure.want);
                next.was_whole = asked.holds_on || (holds && serves);
                if holds && !next.was_whole {
                    next.assembling_since = before.assembling_since.or(Some(now));
                }
            }
        }
        next
    }
}
