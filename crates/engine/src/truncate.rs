//! Cutting a plan to size, fairly: a phase with little to do gets all of it done, and the rest share what is left, so that
//! a ramp of acquisitions starves neither preemption nor reclaim. Units stay whole and in order.

use crate::plan::Unit;

/// Joins the phases' units, at most `max_actions` actions in all. A phase's first unit goes even if it is larger than the
/// phase's share, and a unit that is larger than a whole plan may be goes alone: or they would never go.
pub(crate) fn fairly(phases: [Vec<Unit>; 3], max_actions: u32) -> Vec<Unit> {
    let max = max_actions as usize;
    let sizes = [0, 1, 2].map(|at: usize| phases[at].iter().map(|unit| unit.actions.len()).sum::<usize>());
    if sizes.iter().sum::<usize>() <= max {
        return phases.into_iter().flatten().collect();
    }
    let mut quota = shares(sizes, max);
    let mut units = Vec::new();
    let mut taken = 0;
    for (phase, quota) in phases.into_iter().zip(&mut quota) {
        for (at, unit) in phase.into_iter().enumerate() {
            let size = unit.actions.len();
            let fits = taken + size <= max && (size <= *quota || at == 0);
            let goes_alone = taken == 0 && size > max;
            if !fits && !goes_alone {
                break;
            }
            *quota = quota.saturating_sub(size);
            taken += size;
            units.push(unit);
        }
    }
    units
}

/// Divides `max` over the phases: each its even share, what one does not use going to the others.
fn shares(sizes: [usize; 3], max: usize) -> [usize; 3] {
    let mut order = [0, 1, 2];
    order.sort_by_key(|at| sizes[*at]);
    let (mut left, mut quota) = (max, [0; 3]);
    for (done, at) in order.into_iter().enumerate() {
        quota[at] = sizes[at].min(left.div_ceil(3 - done));
        left -= quota[at];
    }
    quota
}

#[cfg(test)]
mod tests {
    use argosy_model::MachineIx;

    use super::*;
    use crate::plan::{Action, ActionKind, Reason};

    fn units(reason: Reason, sizes: &[usize]) -> Vec<Unit> {
        let action = Action { machine: MachineIx::from_index(0), version: 0, kind: ActionKind::Release };
        let unit = |size: &usize| Unit { reason, needs: Vec::new(), actions: vec![action.clone(); *size] };
        sizes.iter().map(unit).collect()
    }

    fn kept(sizes: [&[usize]; 3], max: u32) -> [usize; 3] {
        let reasons = [Reason::CoverDeficit, Reason::PreemptForPriority, Reason::ReclaimSurplus];
        let phases = [0, 1, 2].map(|at: usize| units(reasons[at], sizes[at]));
        let plan = fairly(phases, max);
        reasons.map(|reason| plan.iter().filter(|unit| unit.reason == reason).map(|unit| unit.actions.len()).sum())
    }

    #[test]
    fn a_ramp_of_acquisitions_starves_neither_preemption_nor_reclaim() {
        assert_eq!(kept([&[1; 1_000], &[3; 10], &[1; 50]], 60), [20, 18, 20]);
        assert_eq!(kept([&[1; 1_000], &[2; 2], &[1; 3]], 60), [53, 4, 3]);
    }

    #[test]
    fn units_are_neither_split_nor_passed_over() {
        assert_eq!(kept([&[4, 9, 1], &[], &[]], 8), [4, 0, 0]);
    }

    #[test]
    fn a_unit_larger_than_its_phases_share_has_its_turn() {
        assert_eq!(kept([&[1; 50], &[30, 2], &[1; 50]], 60), [20, 30, 10]);
    }

    #[test]
    fn a_unit_larger_than_a_plan_goes_alone() {
        assert_eq!(kept([&[9], &[1], &[1]], 8), [9, 0, 0]);
    }

    #[test]
    fn a_plan_that_fits_is_left_as_it_is() {
        assert_eq!(kept([&[2, 2], &[3], &[1]], 8), [4, 3, 1]);
    }
}
