//! Cutting a plan to size, fairly: a phase with little to do gets all of it done, and the rest share what is left, so that
//! a ramp of acquisitions starves neither preemption nor reclaim. Units stay whole and in order. A need whose acquisitions
//! are cut takes no victims either: what it preempts was chosen beside what it acquires, and its spread would not be even.

use std::collections::BTreeSet;

use argosy_model::NeedKey;

use crate::plan::Unit;

/// Joins the phases' units, at most `max_actions` actions in all. A phase's first unit goes even if it is larger than the
/// phase's share, and a unit that is larger than a whole plan may be goes alone: or they would never go. Returns the units, and how many
/// actions were left out.
fn fairly(phases: [Vec<Unit>; 3], max_actions: u32) -> (Vec<Unit>, usize) {
    let max = max_actions as usize;
    let sizes = [0, 1, 2].map(|at: usize| phases[at].iter().map(|unit| unit.actions.len()).sum::<usize>());
    let wanted = sizes.iter().sum::<usize>();
    if wanted <= max {
        let [mut units, preempt, give_back] = phases;
        units.extend(preempt.into_iter().chain(give_back));
        return (units, 0);
    }
    let mut quota = shares(sizes, max);
    let mut units = Vec::new();
    let mut taken = 0;
    let mut cut: BTreeSet<NeedKey> = BTreeSet::new();
    for (phase, quota) in phases.into_iter().zip(&mut quota) {
        let mut is_full = false;
        for (at, unit) in phase.into_iter().enumerate() {
            let size = unit.actions.len();
            let fits = taken + size <= max && (size <= *quota || at == 0);
            let goes_alone = taken == 0 && size > max;
            is_full |= !fits && !goes_alone;
            if is_full || unit.needs.iter().any(|(key, _)| cut.contains(key)) {
                cut.extend(unit.needs.iter().map(|(key, _)| *key));
                continue;
            }
            *quota = quota.saturating_sub(size);
            taken += size;
            units.push(unit);
        }
    }
    (units, wanted - taken)
}

/// The same, and then as many moves as there is room for, if nothing else is left for later: they can wait. Each is one action.
pub(crate) fn with_moves(phases: [Vec<Unit>; 3], moves: Vec<Unit>, max_actions: u32) -> (Vec<Unit>, usize) {
    let (mut units, left_out) = fairly(phases, max_actions);
    if moves.is_empty() {
        return (units, left_out);
    }
    let planned: usize = units.iter().map(|unit| unit.actions.len()).sum();
    let room = if left_out > 0 { 0 } else { (max_actions as usize).saturating_sub(planned) };
    let put_off = moves.len().saturating_sub(room);
    units.extend(moves.into_iter().take(room));
    (units, left_out + put_off)
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
    use argosy_model::{ClusterIx, MachineIx, ProfileIx};

    use super::*;
    use crate::plan::{Action, ActionKind, Reason};

    fn units(reason: Reason, sizes: &[usize]) -> Vec<Unit> {
        let action = Action { machine: MachineIx::from_index(0), version: 0, kind: ActionKind::Release };
        let unit = |size: &usize| Unit { reason, needs: Vec::new(), actions: vec![action.clone(); *size] };
        sizes.iter().map(unit).collect()
    }

    fn key(need: usize) -> NeedKey {
        let profile = ProfileIx::from_index(need);
        NeedKey { cluster: ClusterIx::from_index(0), profile, group: None, fold: 0 }
    }

    fn kept(sizes: [&[usize]; 3], max: u32) -> [usize; 3] {
        let reasons = [Reason::CoverDeficit, Reason::PreemptForPriority, Reason::ReclaimSurplus];
        let phases = [0, 1, 2].map(|at: usize| units(reasons[at], sizes[at]));
        let (plan, _) = fairly(phases, max);
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
    fn a_need_whose_acquisitions_are_cut_takes_no_victims() {
        let of = |need: usize, unit: Unit| Unit { needs: vec![(key(need), 0)], ..unit };
        let acquire = units(Reason::CoverDeficit, &[1, 1, 1]).into_iter().map(|unit| of(0, unit)).collect();
        let preempt = units(Reason::PreemptForPriority, &[1, 1]).into_iter().zip([0, 1]).map(|(unit, n)| of(n, unit));
        let (plan, left_out) = fairly([acquire, preempt.collect(), Vec::new()], 4);
        assert_eq!(left_out, 2);
        let kept: Vec<_> = plan.iter().map(|unit| (unit.reason, unit.needs[0].0)).collect();
        let acquired = (Reason::CoverDeficit, key(0));
        assert_eq!(kept, [acquired, acquired, (Reason::PreemptForPriority, key(1))]);
    }

    #[test]
    fn moves_wait_for_everything_else() {
        let plan = |max| {
            let phases = [units(Reason::CoverDeficit, &[1, 1]), Vec::new(), units(Reason::ReclaimSurplus, &[1])];
            let (plan, left_out) = with_moves(phases, units(Reason::Consolidate, &[1, 1]), max);
            (plan.iter().filter(|unit| unit.reason == Reason::Consolidate).count(), plan.len(), left_out)
        };
        assert_eq!([2, 3, 4, 5].map(plan), [(0, 2, 3), (0, 3, 2), (1, 4, 1), (2, 5, 0)]);
    }

    #[test]
    fn a_plan_that_fits_is_left_as_it_is() {
        assert_eq!(kept([&[2, 2], &[3], &[1]], 8), [4, 3, 1]);
    }
}
