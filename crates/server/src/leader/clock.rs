//! The leader's clock: where shard time comes from.
//!
//! Shard time is in the log. A leader continues from the moment that the state had reached when it took over, by its own
//! monotonic clock, so a wall clock that jumps expires nothing. In lockstep nothing but an explicit step moves time.

use std::sync::atomic::{AtomicU64, Ordering};

use argosy_failpoint::{Planted, planted};
use argosy_model::ShardTime;
use tokio::time::Instant;

/// The clock of one leadership.
#[derive(Debug)]
pub enum Clock {
    /// Time passes.
    Running {
        /// Shard time when the leadership began.
        base: ShardTime,
        /// The monotonic moment that `base` belongs to.
        since: Instant,
    },
    /// Time stands until it is stepped, in milliseconds of shard time.
    Lockstep(AtomicU64),
}

impl Clock {
    /// A clock that runs on from `base`.
    #[must_use]
    pub fn running(base: ShardTime) -> Self {
        Self::Running { base, since: Instant::now() }
    }

    /// A clock that stands at `base`.
    #[must_use]
    pub fn lockstep(base: ShardTime) -> Self {
        Self::Lockstep(AtomicU64::new(base.0))
    }

    /// The present moment of the shard.
    #[must_use]
    pub fn now(&self) -> ShardTime {
        match self {
            Self::Running { base, since } => {
                let elapsed = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                let elapsed = if planted(Planted::TimeByTheCalendar) { by_the_calendar() } else { elapsed };
                ShardTime(base.0.saturating_add(elapsed))
            }
            Self::Lockstep(now) => ShardTime(now.load(Ordering::SeqCst)),
        }
    }

    /// Moves a standing clock forward, never back. Says whether it is one.
    pub fn step_to(&self, to: ShardTime) -> bool {
        match self {
            Self::Running { .. } => false,
            Self::Lockstep(now) => {
                now.fetch_max(to.0, Ordering::SeqCst);
                true
            }
        }
    }

    /// The monotonic moment at which a running clock shows `at`; `None` in lockstep.
    #[must_use]
    pub fn when(&self, at: ShardTime) -> Option<Instant> {
        match self {
            Self::Running { base, since } => {
                // A century is as good as never, and does not overflow an instant.
                let wait = at.0.saturating_sub(base.0).min(100 * 365 * 86_400_000);
                Some(*since + std::time::Duration::from_millis(wait))
            }
            Self::Lockstep(_) => None,
        }
    }
}

/// The wall clock, for the planted bug that asks it.
fn by_the_calendar() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX) % (1 << 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_leader_continues_where_the_state_stands() {
        let since = Instant::now() - std::time::Duration::from_millis(250);
        let clock = Clock::Running { base: ShardTime(5_000), since };
        assert!(clock.now() >= ShardTime(5_250));
        assert_eq!(clock.when(ShardTime(5_250)), Some(since + std::time::Duration::from_millis(250)));
        assert_eq!(clock.when(ShardTime(1)), Some(since), "a moment that has passed is now");
    }

    #[test]
    fn in_lockstep_only_a_step_moves_time_and_only_forward() {
        let clock = Clock::lockstep(ShardTime(10));
        assert_eq!((clock.now(), clock.when(ShardTime(11))), (ShardTime(10), None));
        assert!(clock.step_to(ShardTime(30)) && clock.step_to(ShardTime(20)));
        assert_eq!(clock.now(), ShardTime(30));
        assert!(!Clock::running(ShardTime(0)).step_to(ShardTime(1)));
    }
}
