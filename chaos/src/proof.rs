//! The proof that the worlds find bugs: each planted bug is run seed by seed until a world breaks.

use std::ops::RangeInclusive;
use std::time::Duration;

use argosy_failpoint::Planted;

use crate::faults::{Campaign, draw};
use crate::run::Violation;
use crate::stage::Stage;

/// What became of one planted bug.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The bug.
    pub planted: Planted,
    /// Seeds that were run.
    pub seeds: u64,
    /// The first seed that found it, and how it showed.
    pub found: Option<(u64, Violation)>,
}

/// Looks for a planted bug seed by seed, each striking for so long. A seed counts that holds without the bug.
#[must_use]
pub fn prove(planted: Planted, seeds: RangeInclusive<u64>, safety: Duration, stage: &mut impl Stage) -> Proof {
    let mut count = 0;
    for seed in seeds {
        count += 1;
        let campaign = Campaign { planted: Some(planted), ..draw(seed, safety) };
        let Some(violation) = stage.run(&campaign, seed).violations.into_iter().next() else { continue };
        // The same world without the bug: what breaks there too proves nothing.
        let sound = stage.run(&Campaign { planted: None, ..campaign }, seed);
        if sound.violations.iter().all(|other| other.invariant != violation.invariant) {
            return Proof { planted, seeds: count, found: Some((seed, violation)) };
        }
    }
    Proof { planted, seeds: count, found: None }
}
