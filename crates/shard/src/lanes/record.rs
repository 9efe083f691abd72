//! What is remembered of one lane: how creations have gone, and where its breaker stands.

use argosy_model::{Duration, ShardTime};
use argosy_pool::lanes::Breaker;
use serde::{Deserialize, Serialize};

use super::LaneName;
use crate::operation::Refusal;
use crate::plant::{Bug, planted};

/// Why a creation failed that speaks of the lane, and not of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trouble {
    /// The provider turned it down: no stock or quota, or too many calls; or accepted it, and took it back.
    Refused(Refusal),
    /// The provider gave no answer.
    NoAnswer,
    /// The provider accepted it, and the machine failed or was not seen to be ready in time.
    Failed,
}

impl Trouble {
    /// What a refusal says of the lane; `None` for one that is about the machine or the call.
    #[must_use]
    pub fn of(refusal: Refusal) -> Option<Self> {
        let of_lane = matches!(refusal, Refusal::StockOut | Refusal::Throttled | Refusal::Undone);
        of_lane.then_some(Self::Refused(refusal))
    }

    /// Its name in APIs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.name(),
            Self::NoAnswer => "no_answer",
            Self::Failed => "failed",
        }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// Nothing passes.
    Open {
        /// Until then.
        until: ShardTime,
    },
    /// One creation at a time passes: what comes of it decides.
    HalfOpen {
        /// If none is on its way then, there is nobody to wait for.
        until: ShardTime,
    },
}

impl BreakerState {
    /// Its name in metrics and APIs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }

    /// When it moves by itself; `None` while it is closed.
    #[must_use]
    pub fn until(self) -> Option<ShardTime> {
        match self {
            Self::Closed => None,
            Self::Open { until } | Self::HalfOpen { until } => Some(until),
        }
    }
}

/// What is remembered of a lane since a creation in it last succeeded. Append-only: it lies in snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneRecord {
    /// Creations refused in a row.
    pub refusals: u32,
    /// How often in a row its breaker has opened.
    pub trips: u32,
    /// Where the breaker stands.
    pub breaker: BreakerState,
    /// The last refusal.
    pub last: Trouble,
    /// When that was.
    pub at: ShardTime,
}

impl LaneRecord {
    /// The record after a creation was refused.
    pub(crate) fn refused(
        known: Option<Self>,
        last: Trouble,
        at: ShardTime,
        policy: &Breaker,
        (shard, lane): (&str, &LaneName),
    ) -> Self {
        let (refusals, trips, breaker) =
            known.map_or((0, 0, BreakerState::Closed), |known| (known.refusals, known.trips, known.breaker));
        let refusals = refusals.saturating_add(1);
        let opens = match breaker {
            // One that has been open, and saw no success since, is closed on parole.
            BreakerState::Closed => policy.after > 0 && (trips > 0 || refusals >= policy.after),
            BreakerState::HalfOpen { .. } => policy.after > 0,
            BreakerState::Open { .. } => false,
        };
        if !opens {
            return Self { refusals, trips, breaker, last, at };
        }
        let trips = trips.saturating_add(1);
        let until = match planted(Bug::Lockout) && trips > 1 {
            true => ShardTime(u64::MAX),
            false => at.plus(span(policy, trips, seed(shard, lane, trips))),
        };
        Self { refusals, trips, breaker: BreakerState::Open { until }, last, at }
    }

    /// The record when the time of its breaker is over. An open one lets a probe through. A half-open one waits for as long as a
    /// probe is on its way; where nobody has sent one, it closes on parole: a gang needs more than one machine at a time, and would wait
    /// for ever.
    pub(crate) fn overdue(self, now: ShardTime, policy: &Breaker, is_probed: bool) -> Self {
        let until = now.plus(policy.first.0);
        let breaker = match self.breaker {
            BreakerState::Open { .. } => BreakerState::HalfOpen { until },
            BreakerState::HalfOpen { .. } if is_probed || planted(Bug::NoParole) => BreakerState::HalfOpen { until },
            BreakerState::HalfOpen { .. } | BreakerState::Closed => BreakerState::Closed,
        };
        Self { breaker, ..self }
    }
}

/// How long a breaker stays open the `trips`-th time in a row: doubled each time, up to the longest, and up to a fifth longer, so
/// that breakers that opened together do not probe together.
fn span(policy: &Breaker, trips: u32, seed: u64) -> Duration {
    let doubled = policy.first.0.0.saturating_mul(1 << trips.saturating_sub(1).min(40)).min(policy.longest.0.0);
    Duration(doubled.saturating_add((doubled / 5_000).saturating_mul(seed % 1_001)))
}

/// A number that is any number, and the same on every replica (FNV-1a).
fn seed(shard: &str, lane: &LaneName, trips: u32) -> u64 {
    let text = format!("{shard} {lane} {trips}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_is_open_twice_as_long_each_time_up_to_the_longest_and_a_fifth() {
        let policy = Breaker::default();
        let spans: Vec<u64> = (1..9).map(|trips| span(&policy, trips, 0).as_secs()).collect();
        assert_eq!(spans, [60, 120, 240, 480, 960, 1_800, 1_800, 1_800]);
        assert_eq!(span(&policy, 1, 1_000).as_secs(), 72);
        assert_eq!(span(&policy, u32::MAX, 1_000).as_secs(), 2_160);
    }
}
