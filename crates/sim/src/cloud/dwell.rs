//! How long a provider takes: a distribution for each step, drawn from the seed by machine and turn alone.

use argosy_shard::Step;
use argosy_workload::dice::Dice;

/// How long one kind of step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dwell {
    /// As long every time; 0 is at once, within the call.
    Fixed(u64),
    /// Anything between two bounds, evenly.
    Uniform(u64, u64),
    /// Exponential with a mean, cut at a longest.
    Exponential {
        /// The mean.
        mean_ms: u64,
        /// The longest.
        most_ms: u64,
    },
}

impl Dwell {
    /// One draw.
    pub fn draw(self, dice: &mut Dice) -> u64 {
        match self {
            Self::Fixed(ms) => ms,
            Self::Uniform(least_ms, most_ms) => dice.between(least_ms, most_ms),
            Self::Exponential { mean_ms, most_ms } => dice.exponential(mean_ms).min(most_ms),
        }
    }
}

/// How long each step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dwells {
    /// Slot to host.
    pub create: Dwell,
    /// Host to member of a cluster.
    pub configure: Dwell,
    /// Member back to host; never longer than the grace that was given.
    pub drain: Dwell,
    /// Host back to slot.
    pub delete: Dwell,
}

impl Dwells {
    /// Everything happens at once.
    pub const INSTANT: Self = Self::all(Dwell::Fixed(0));

    /// Every step takes the same.
    pub const fn all(dwell: Dwell) -> Self {
        Self { create: dwell, configure: dwell, drain: dwell, delete: dwell }
    }

    /// That of one step.
    pub fn of(&self, step: Step) -> Dwell {
        match step {
            Step::Create => self.create,
            Step::Configure => self.configure,
            Step::Drain => self.drain,
            Step::Delete => self.delete,
        }
    }
}
