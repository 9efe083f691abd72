//! Cutting a plan to size, fairly: a phase with little to do gets all of it done, and the rest share what is left, so that
//! a ramp of acquisitions starves neither preemption nor reclaim. Units stay whole and in order.

use crate::plan::Unit;

/// Joins the phases' units, at most `max_actions` actions in all. A unit that is larger than the whole plan may be goes
/// alone, or it would never go.
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
        for unit in phase {
            let size = unit.actions.len();
            let oversize_alone = taken == 0 && size > max;
            if (size > *quota || taken + size > max) && !oversize_alone {
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
