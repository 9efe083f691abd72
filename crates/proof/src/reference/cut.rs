//! Cutting a plan to size, fairly between the phases.

use std::collections::BTreeSet;

use argosy_engine::Unit;
use argosy_model::NeedKey;

use crate::plant::{self, Plant};

/// At most `max` actions: each phase its even share, what one does not use going to the others. Units stay whole and in
/// order; a phase's first goes though it is larger than the share, and one that is larger than a plan may be goes alone. A need of which a unit was cut gets no later one. Also how many
/// actions are left out.
fn to_size(phases: [Vec<Unit>; 3], max: usize) -> (Vec<Unit>, u32) {
    let size = |units: &[Unit]| units.iter().map(|unit| unit.actions.len()).sum::<usize>();
    let sizes = [size(&phases[0]), size(&phases[1]), size(&phases[2])];
    let wanted = sizes.iter().sum::<usize>();
    if wanted <= max {
        return (phases.into_iter().flatten().collect(), 0);
    }
    let shares = if plant::is(Plant::TailCut) { [max; 3] } else { shares(sizes, max) };
    let mut plan: Vec<Unit> = Vec::new();
    let mut so_far = 0;
    let mut cut: BTreeSet<NeedKey> = BTreeSet::new();
    for (phase, share) in phases.into_iter().zip(shares) {
        let (mut used, mut is_full) = (0, false);
        for (at, unit) in phase.into_iter().enumerate() {
            let actions = unit.actions.len();
            let is_first_or_fits = at == 0 || used + actions <= share;
            let fits = so_far + actions <= max && is_first_or_fits;
            let goes_alone = so_far == 0 && actions > max;
            is_full |= !fits && !goes_alone;
            if is_full || unit.needs.iter().any(|(key, _)| cut.contains(key)) {
                cut.extend(unit.needs.iter().map(|(key, _)| *key));
                continue;
            }
            used += actions;
            so_far += actions;
            plan.push(unit);
        }
    }
    (plan, u32::try_from(wanted - so_far).expect("slots are 32 bits wide"))
}

/// The same with moves behind: they go only where nothing else has to wait.
pub(super) fn with_moves(phases: [Vec<Unit>; 3], moves: Vec<Unit>, max: usize) -> (Vec<Unit>, u32) {
    let (mut plan, mut left_out) = to_size(phases, max);
    let must_wait = left_out > 0;
    for unit in moves {
        let actions: usize = plan.iter().map(|unit| unit.actions.len()).sum();
        if must_wait || actions >= max {
            left_out += 1;
        } else {
            plan.push(unit);
        }
    }
    (plan, left_out)
}

/// The smallest demand first: each gets what it asks, up to an even part of what is left, rounded up.
fn shares(sizes: [usize; 3], max: usize) -> [usize; 3] {
    let mut by_size = [0, 1, 2];
    by_size.sort_by_key(|phase| (sizes[*phase], *phase));
    let mut shares = [0; 3];
    let mut left = max;
    for (phase, sharers) in by_size.into_iter().zip([3, 2, 1]) {
        shares[phase] = sizes[phase].min(left.div_ceil(sharers));
        left -= shares[phase];
    }
    shares
}
