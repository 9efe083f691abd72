//! Shard time: milliseconds that the log itself carries.
//!
//! It starts at 0 with the shard, and moves only when an entry says so (by the leader's monotonic elapsed time), so a
//! wall clock that jumps a year expires nothing. It is not a date.

use serde::{Deserialize, Serialize};

/// A moment of a shard's life, in milliseconds since the shard began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardTime(pub u64);

/// A span of shard time, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Duration(pub u64);

impl Duration {
    /// A span of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Longer than any shard lives: "never".
    pub const NEVER: Self = Self(u64::MAX);

    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000
    }
}

impl ShardTime {
    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: ShardTime) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// The next moment there is; the end of time has none after it.
    pub fn next(self) -> ShardTime {
        self.plus(Duration(1))
    }

    /// The moment `span` from now; saturates at the end of time.
    pub fn plus(self, span: Duration) -> ShardTime {
        ShardTime(self.0.saturating_add(span.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards_or_wraps() {
        assert_eq!(ShardTime(5).since(ShardTime(9)), Duration(0));
        assert_eq!(ShardTime(u64::MAX).plus(Duration(1)), ShardTime(u64::MAX));
        assert_eq!(ShardTime(7).plus(Duration::NEVER).since(ShardTime(7)), Duration(u64::MAX - 7));
    }
}
