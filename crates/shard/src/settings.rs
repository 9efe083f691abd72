//! What an admin sets through the log: the engine's policy with its rails, and the limits of operations.

use argosy_engine::Policy;
use argosy_model::Duration;
use serde::{Deserialize, Serialize};

use crate::operation::Step;

/// How long operations may take, how they back off, and how long a machine that was turned down is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationLimits {
    /// Most time for a creation.
    pub create: Duration,
    /// Most time for a configuration, the bootstrap blob included.
    pub configure: Duration,
    /// Most time for a drain beyond its grace.
    pub drain_beyond_grace: Duration,
    /// Most time for a deletion.
    pub delete: Duration,
    /// Wait before the second attempt; doubles with each further one.
    pub retry_base: Duration,
    /// Longest wait between attempts.
    pub retry_cap: Duration,
    /// How long a machine is left alone after its provider turned it down; doubles each time it happens again.
    pub cooling_base: Duration,
    /// Longest that a machine is left alone.
    pub cooling_cap: Duration,
    /// Longest that one call can be under way. A machine whose operation ended while a call may have been on its way is
    /// left alone for this long.
    pub call_window: Duration,
}

impl Default for OperationLimits {
    fn default() -> Self {
        Self {
            create: Duration::from_secs(1_800),
            configure: Duration::from_secs(900),
            drain_beyond_grace: Duration::from_secs(600),
            delete: Duration::from_secs(1_800),
            retry_base: Duration::from_secs(1),
            retry_cap: Duration::from_secs(60),
            cooling_base: Duration::from_secs(30),
            cooling_cap: Duration::from_secs(3_600),
            call_window: Duration::from_secs(60),
        }
    }
}

impl OperationLimits {
    /// Most time for one step; a drain's grace comes on top of its own limit.
    pub fn of(&self, step: Step, grace: Duration) -> Duration {
        match step {
            Step::Create => self.create,
            Step::Configure => self.configure,
            Step::Drain => Duration(self.drain_beyond_grace.0.saturating_add(grace.0)),
            Step::Delete => self.delete,
        }
    }

    /// The wait before attempt `number`.
    pub fn backoff(&self, number: u32) -> Duration {
        match number {
            0 | 1 => Duration(0),
            n => doubled(self.retry_base, n - 2, self.retry_cap),
        }
    }

    /// How long a machine is left alone that has been turned down `strikes` times in a row.
    pub fn cooling(&self, strikes: u32) -> Duration {
        doubled(self.cooling_base, strikes.saturating_sub(1), self.cooling_cap)
    }
}

fn doubled(base: Duration, times: u32, cap: Duration) -> Duration {
    Duration(base.0.saturating_mul(1u64 << times.min(40)).min(cap.0))
}

/// Everything an admin can set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What decide is allowed and how it weighs; the rails are in here.
    pub policy: Policy,
    /// Limits of operations.
    pub limits: OperationLimits,
}

/// Parts per million of a whole.
const WHOLE_PPM: u32 = 1_000_000;

impl Settings {
    /// Says which value makes no sense, if one does not.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.policy.reclaim_cap_ppm.is_some_and(|ppm| ppm > WHOLE_PPM) {
            return Err("the reclaim cap is above 1,000,000 parts per million");
        }
        if self.policy.max_actions == 0 {
            return Err("max_actions is 0: use the kill switch to stop all actions");
        }
        let spans = [self.limits.create, self.limits.configure, self.limits.drain_beyond_grace, self.limits.delete];
        if spans.iter().any(|span| span.0 == 0) {
            return Err("the time limit of an operation is 0");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_cap() {
        let limits = OperationLimits::default();
        assert_eq!([1, 2, 3, 4].map(|n| limits.backoff(n).as_secs()), [0, 1, 2, 4]);
        assert_eq!(limits.backoff(u32::MAX), limits.retry_cap);
        assert_eq!([1, 2, 3].map(|n| limits.cooling(n).as_secs()), [30, 60, 120]);
        assert_eq!(limits.cooling(u32::MAX), limits.cooling_cap);
    }

    #[test]
    fn a_setting_that_would_stop_everything_by_accident_is_refused() {
        assert_eq!(Settings::default().check(), Ok(()));
        let mut settings = Settings::default();
        settings.policy.max_actions = 0;
        assert!(settings.check().is_err());
        let mut settings = Settings::default();
        settings.limits.create = Duration(0);
        assert!(settings.check().is_err());
    }
}
