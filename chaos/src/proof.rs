//! The proof that the worlds find bugs: each planted bug is run seed by seed until a world breaks.

use std::time::Duration;

use crate::faults::{Campaign, draw};
use crate::planted::Planted;
use crate::run::{Violation, run};

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

/// Looks for a planted bug with the seeds from 1 on, at most so many, each striking for so long.
#[must_use]
pub fn prove(planted: Planted, seeds: u64, safety: Duration) -> Proof {
    for seed in 1..=seeds {
        let campaign = Campaign { planted: Some(planted), ..draw(seed, safety) };
        if let Some(violation) = run(&campaign, seed).violations.into_iter().next() {
            return Proof { planted, seeds: seed, found: Some((seed, violation)) };
        }
    }
    Proof { planted, seeds, found: None }
}
