//! How long transitions take: a distribution given by its percentiles, read in integers.

use serde::{Deserialize, Serialize};

use super::draw::Draw;
use crate::contract::Kind;

/// Percentiles of a duration, milliseconds. Between them it runs in straight lines, from half the median upwards, so the tail that
/// p99 and the maximum describe is really drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Half are faster.
    pub p50_ms: u64,
    /// Nine in ten are faster.
    pub p90_ms: u64,
    /// 99 in 100 are faster.
    pub p99_ms: u64,
    /// None is slower.
    pub max_ms: u64,
}

impl Latency {
    /// The same duration every time.
    #[must_use]
    pub const fn fixed(ms: u64) -> Self {
        Self { p50_ms: ms, p90_ms: ms, p99_ms: ms, max_ms: ms }
    }

    const fn new(p50_ms: u64, p90_ms: u64, p99_ms: u64, max_ms: u64) -> Self {
        Self { p50_ms, p90_ms, p99_ms, max_ms }
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.p50_ms <= self.p90_ms && self.p90_ms <= self.p99_ms && self.p99_ms <= self.max_ms
    }

    pub(super) fn sample(&self, draw: Draw) -> u64 {
        let rank = draw.below(10_000);
        let floor_ms = if self.p50_ms == self.max_ms { self.p50_ms } else { self.p50_ms / 2 };
        let steps =
            [(0, floor_ms), (5_000, self.p50_ms), (9_000, self.p90_ms), (9_900, self.p99_ms), (10_000, self.max_ms)];
        let upper = steps.iter().position(|(at, _)| rank < *at).expect("the last step is above every rank");
        let ((from, low), (to, high)) = (steps[upper - 1], steps[upper]);
        low + (high - low) * (rank - from) / (to - from)
    }
}

/// The duration of each transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Latencies {
    /// Slot to host.
    pub create: Latency,
    /// Host to member of a cluster.
    pub configure: Latency,
    /// Back to an idle host; never longer than the grace period of the request.
    pub drain: Latency,
    /// Host back to a slot.
    pub delete: Latency,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            create: Latency::new(3_000, 6_000, 15_000, 30_000),
            configure: Latency::new(1_000, 2_000, 5_000, 10_000),
            drain: Latency::new(1_500, 4_000, 10_000, 20_000),
            delete: Latency::new(1_000, 2_000, 4_000, 8_000),
        }
    }
}

impl Latencies {
    /// Every transition takes just as long, every time.
    #[must_use]
    pub const fn fixed(ms: u64) -> Self {
        let all = Latency::fixed(ms);
        Self { create: all, configure: all, drain: all, delete: all }
    }

    pub(super) fn of(&self, kind: Kind) -> &Latency {
        match kind {
            Kind::Create => &self.create,
            Kind::Configure => &self.configure,
            Kind::Drain => &self.drain,
            Kind::Delete => &self.delete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::Purpose;
    use super::*;

    #[test]
    fn samples_have_the_percentiles_asked_for_and_keep_to_the_maximum() {
        let latency = Latency::new(100, 200, 1_000, 5_000);
        let draws = (0..20_000).map(|n| Draw::new(3, "m", Purpose::Latency, n));
        let mut samples: Vec<_> = draws.map(|draw| latency.sample(draw)).collect();
        samples.sort_unstable();
        assert!(samples[0] >= 50 && samples[19_999] <= 5_000);
        assert!((90..=110).contains(&samples[10_000]), "{}", samples[10_000]);
        assert!((180..=220).contains(&samples[18_000]), "{}", samples[18_000]);
        assert!((900..=1_200).contains(&samples[19_800]), "{}", samples[19_800]);
    }

    #[test]
    fn a_fixed_latency_does_not_vary() {
        let fixed = Latency::fixed(7);
        assert!((0..1_000).all(|n| fixed.sample(Draw::new(3, "m", Purpose::Latency, n)) == 7));
    }
}
