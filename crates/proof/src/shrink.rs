//! Shrinking: a failing case is reduced while it still fails in the same way.

use crate::case::{Case, Change, PolicyDraft};
use crate::run::{Failure, Subject, Words, Wrong};

/// Reduces a case that fails. Each try runs the case from the start with a subject of its own.
pub fn shrink<S: Subject>(words: &Words, case: Case, fresh: impl Fn() -> S) -> (Case, Failure) {
    let Err(mut failure) = words.replay(&case, &mut fresh()) else {
        unreachable!("only a case that fails is shrunk");
    };
    let mut case = case;
    let mut attempt = |case: &mut Case, candidate: Case| {
        let Err(found) = words.replay(&candidate, &mut fresh()) else { return false };
        let alike = std::mem::discriminant::<Wrong>(&found.wrong) == std::mem::discriminant(&failure.wrong);
        if alike {
            (*case, failure) = (candidate, found);
        }
        alike
    };
    loop {
        let mut smaller = false;
        let cut = case.clone();
        smaller |= drop_parts(&mut case, |case| &mut case.steps, &mut attempt);
        smaller |= drop_parts(&mut case, |case| &mut case.needs, &mut attempt);
        smaller |= drop_parts(&mut case, |case| &mut case.machines, &mut attempt);
        smaller |= drop_parts(&mut case, |case| &mut case.caps, &mut attempt);
        smaller |= merge_steps(&mut case, &mut attempt);
        smaller |= simplify(&mut case, &mut attempt);
        if !smaller || cut == case {
            break;
        }
    }
    (case, failure)
}

/// Drops runs of a list, long ones first.
fn drop_parts<T: Clone>(
    case: &mut Case,
    list: impl Fn(&mut Case) -> &mut Vec<T>,
    attempt: &mut impl FnMut(&mut Case, Case) -> bool,
) -> bool {
    let mut smaller = false;
    let mut run = list(case).len();
    while run > 0 {
        let mut at = 0;
        while at < list(case).len() {
            let mut candidate = case.clone();
            let parts = list(&mut candidate);
            parts.drain(at..(at + run).min(parts.len()));
            if attempt(case, candidate) {
                smaller = true;
            } else {
                at += run;
            }
        }
        run /= 2;
    }
    smaller
}

/// Drops single steps, leaving their time to the next.
fn merge_steps(case: &mut Case, attempt: &mut impl FnMut(&mut Case, Case) -> bool) -> bool {
    let mut smaller = false;
    let mut at = 0;
    while at + 1 < case.steps.len() {
        let mut candidate = case.clone();
        let step = candidate.steps.remove(at);
        candidate.steps[at].after_s = candidate.steps[at].after_s.saturating_add(step.after_s);
        if attempt(case, candidate) {
            smaller = true;
        } else {
            at += 1;
        }
    }
    smaller
}

/// Puts usual values in the place of unusual ones.
fn simplify(case: &mut Case, attempt: &mut impl FnMut(&mut Case, Case) -> bool) -> bool {
    let mut smaller = false;
    let mut try_one = |case: &mut Case, change: &dyn Fn(&mut Case)| {
        let mut candidate = case.clone();
        change(&mut candidate);
        smaller |= candidate != *case && attempt(case, candidate);
    };
    try_one(case, &|case| case.policy = usual_policy());
    try_one(case, &|case| case.first_sight = 0);
    for at in 0..case.needs.len() {
        try_one(case, &|case| (case.needs[at].interruption, case.needs[at].reclamation) = (0, 0));
        try_one(case, &|case| case.needs[at].conditions = 0);
        try_one(case, &|case| case.needs[at].half = false);
        try_one(case, &|case| case.needs[at].topology = 0);
        try_one(case, &|case| case.needs[at].group = None);
        try_one(case, &|case| case.needs[at].units = case.needs[at].units.min(1));
    }
    for at in 0..case.machines.len() {
        try_one(case, &|case| (case.machines[at].flag, case.machines[at].age_s) = (None, 0));
        try_one(case, &|case| case.machines[at].heir = None);
    }
    for at in 0..case.steps.len() {
        try_one(case, &|case| case.steps[at].after_s = 0);
        try_one(case, &|case| case.steps[at].drops = 0);
        try_one(case, &|case| case.steps[at].change = Change::Nothing);
    }
    smaller
}

fn usual_policy() -> PolicyDraft {
    PolicyDraft {
        hold_s: [600, 60],
        cap_ppm: Some(50_000),
        max_actions: 20_000,
        timers_s: [80, 320, 900, 120],
        weights: [1_000, 100, 100, 100],
        kill_switch: false,
        dry_run: false,
        moves: None,
    }
}
