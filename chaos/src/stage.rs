//! Where worlds are run: on a thread of this process, or wherever else somebody runs them.

use crate::faults::Campaign;
use crate::run::{Outcome, run};

/// Runs worlds, one at a time.
pub trait Stage {
    /// Runs a campaign with a seed.
    fn run(&mut self, campaign: &Campaign, seed: u64) -> Outcome;
}

/// A thread of this process. What aborts a world aborts the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Here;

impl Stage for Here {
    fn run(&mut self, campaign: &Campaign, seed: u64) -> Outcome {
        run(campaign, seed)
    }
}
