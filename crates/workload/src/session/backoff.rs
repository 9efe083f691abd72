//! Waits between attempts: doubling, bounded, and spread so that a thousand operators do not come back at once.

use std::time::Duration;

use crate::dice::Dice;

/// Bounds of the wait between two attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// No wait is longer.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), most: Duration::from_secs(30) }
    }
}

/// The waits of one session.
#[derive(Clone, Debug)]
pub(super) struct Waits {
    bounds: Backoff,
    failures: u32,
    dice: Dice,
}

impl Waits {
    pub(super) fn new(bounds: Backoff, dice: Dice) -> Self {
        Self { bounds, failures: 0, dice }
    }

    /// The next wait: between half of the step and the whole of it.
    pub(super) fn next(&mut self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        let step = self.bounds.first.saturating_mul(factor).min(self.bounds.most);
        let step_ms = u64::try_from(step.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.dice.between(step_ms / 2, step_ms))
    }

    /// Begins again with the first wait.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_with_jitter_and_start_again_after_success() {
        let mut waits = Waits::new(Backoff::default(), Dice::new(1, "waits"));
        for step_ms in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            let wait = u64::try_from(waits.next().as_millis()).unwrap();
            assert!((step_ms / 2..=step_ms).contains(&wait), "{wait} for a step of {step_ms}");
        }
        waits.reset();
        assert!(waits.next() <= Duration::from_millis(500));
    }

    #[test]
    fn two_clusters_do_not_wait_alike() {
        let waits = |stream| {
            let mut waits = Waits::new(Backoff::default(), Dice::new(1, stream));
            (0..4).map(|_| waits.next()).collect::<Vec<_>>()
        };
        assert_ne!(waits("cluster-a"), waits("cluster-b"));
    }
}
