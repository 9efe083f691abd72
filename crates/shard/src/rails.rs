//! Rails: limits that hold whatever was decided. The fold checks them again, so that no leader can go past them.

use argosy_engine::Policy;
use argosy_engine::policy::reclaim_cap;
use argosy_failpoint::{Planted, planted};
use argosy_model::demand::Reporting;
use argosy_model::{ClusterIx, ShardTime, State};

use crate::response::DropReason;
use crate::state::{ReclaimWindow, ShardState};

/// Rows that an accepted roll-up must have for the guard to watch over its successor.
const GUARDED_ROWS: u32 = 10;
/// A roll-up that keeps fewer rows than one in this many looks like an accident.
const KEPT_ONE_IN: u64 = 10;
/// So many such reports in a row are no accident.
const CONFIRMED_BY: u8 = 3;

/// The rail that holds back every action, if one does.
pub(crate) fn standstill(policy: &Policy) -> Option<DropReason> {
    match (policy.kill_switch && !planted(Planted::KillSwitchIgnored), policy.dry_run) {
        (true, _) => Some(DropReason::KillSwitch),
        (false, true) => Some(DropReason::DryRun),
        (false, false) => None,
    }
}

/// Whether a report of `rows` rows looks like an accident beside what is known of its cluster.
pub(crate) fn looks_emptied(policy: &Policy, known: &Reporting, rows: u32) -> bool {
    policy.empty_rollup_guard && known.rows >= GUARDED_ROWS && u64::from(rows) * KEPT_ONE_IN < u64::from(known.rows)
}

/// The count of suspicious reports in a row with this one: held back (`Some`), or confirmed (`None`).
pub(crate) fn held_back(known: &Reporting) -> Option<u8> {
    let times = known.quarantined.saturating_add(1);
    (times < CONFIRMED_BY).then_some(times)
}

impl ShardState {
    /// The reclaim window of a cluster that `reclaims` more reclaims would fall in, if its cap admits them.
    pub(crate) fn window_with(&self, cluster: ClusterIx, reclaims: u32) -> Result<ReclaimWindow, DropReason> {
        let mut window = self.window_at(cluster, self.now);
        window.taken = window.taken.saturating_add(reclaims);
        let is_over = window.taken > window.allowed && !planted(Planted::ReclaimCapIgnored);
        if is_over { Err(DropReason::ReclaimCap) } else { Ok(window) }
    }

    /// The reclaim window of a cluster at `now`: the running one, or a fresh one with its cap fixed by what the cluster
    /// has configured at that moment.
    fn window_at(&self, cluster: ClusterIx, now: ShardTime) -> ReclaimWindow {
        let policy = &self.settings.policy;
        let running = self.book(cluster).window;
        let began = running.began.unwrap_or_default();
        if running.began.is_some() && now.since(began) < policy.reclaim_window {
            return running;
        }
        let configured = self.fleet.count(State::Configured, Some(cluster));
        let cap = policy.reclaim_cap_ppm.map_or(usize::MAX, |ppm| reclaim_cap(ppm, configured));
        let allowed = u32::try_from(cap).unwrap_or(u32::MAX);
        ReclaimWindow { began: Some(now), allowed, taken: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(rows: u32, quarantined: u8) -> Reporting {
        Reporting { heard: true, quarantined, rows }
    }

    #[test]
    fn only_a_report_that_drops_nearly_all_of_many_rows_looks_emptied() {
        let policy = Policy::default();
        assert!(looks_emptied(&policy, &known(10, 0), 0));
        assert!(!looks_emptied(&policy, &known(10, 0), 1));
        assert!(!looks_emptied(&policy, &known(9, 0), 0));
        let off = Policy { empty_rollup_guard: false, ..policy };
        assert!(!looks_emptied(&off, &known(1_000, 0), 0));
    }

    #[test]
    fn the_third_report_in_a_row_confirms() {
        assert_eq!([0, 1, 2].map(|n| held_back(&known(50, n))), [Some(1), Some(2), None]);
    }

    #[test]
    fn the_kill_switch_wins_over_dry_run() {
        let both = Policy { kill_switch: true, dry_run: true, ..Policy::default() };
        assert_eq!(standstill(&both), Some(DropReason::KillSwitch));
        assert_eq!(standstill(&Policy::default()), None);
    }
}
