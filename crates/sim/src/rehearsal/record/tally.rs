//! The sums over a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The sums over a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Failures, of every cause.
    pub failures: u32,
    /// Of those, by kind.
    pub by_kind: BTreeMap<String, u32>,
    /// Of those, by XID.
    pub by_xid: BTreeMap<u32, u32>,
    /// Of those, by cause: primary, script, cascade, correlated, outage.
    pub by_cause: BTreeMap<String, u32>,
    /// Failures that were mended.
    pub recoveries: u32,
    /// Failures that spread from others.
    pub cascades: u32,
    /// Machines that were made up for by others.
    pub replacements: u32,
    /// Scheduled outages that began.
    pub outages: u32,
    /// Machines that came up, counting each host of a slot.
    pub started: u32,
    /// Creations that were decided.
    pub provisions: u32,
    /// Actions that were taken, by `action/reason`.
    pub decisions: BTreeMap<String, u32>,
    /// Verdicts that a rule of the policy was behind, by rule: counted when a verdict changes to it.
    pub rules: BTreeMap<String, u32>,
    /// Steps of repairs, by `class/state`.
    #[serde(default)]
    pub repairs: BTreeMap<String, u32>,
    /// Machines that were reset or rebooted, and are supply again.
    #[serde(default)]
    pub repaired: u32,
    /// Repairs that a breaker or a budget held back for a while.
    #[serde(default)]
    pub repairs_held: u32,
    /// Breakers that opened.
    #[serde(default)]
    pub breakers_opened: u32,
    /// Most machines that were healthy at once.
    pub peak_healthy: u32,
    /// Fewest, from the moment at which the fleet was first complete, or from the end of its start-up.
    pub min_healthy: u32,
    /// From a failure to the verdict that the machine is unfit.
    pub detect: Durations,
    /// From that verdict, or from a loss, until another machine covered in its place.
    pub detect_to_replace: Durations,
    /// From a failure until it was mended, over those that were.
    pub repair: Durations,
    /// Spent.
    pub cost_microusd: u64,
    /// Of that, on machines that counted as no supply.
    pub wasted_microusd: u64,
    /// Cycles of the control plane.
    pub cycles: u64,
    /// Log entries.
    pub entries: u64,
}

/// Durations in numbers; all of them in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// How many there were.
    pub count: u32,
    /// Their mean.
    pub mean_ms: u64,
    /// Half of them were no longer.
    pub p50_ms: u64,
    /// Nine of ten.
    pub p90_ms: u64,
    /// Ninety-nine of a hundred.
    pub p99_ms: u64,
    /// The longest.
    pub max_ms: u64,
}

impl Durations {
    /// Of a list of durations in any order.
    pub fn of(mut all: Vec<u64>) -> Self {
        all.sort_unstable();
        let Some(max_ms) = all.last().copied() else { return Self::default() };
        // The smallest of which at least that share is no longer.
        let at = |percent: usize| all[(all.len() * percent).div_ceil(100).max(1) - 1];
        Self {
            count: u32::try_from(all.len()).unwrap_or(u32::MAX),
            mean_ms: all.iter().sum::<u64>() / all.len() as u64,
            p50_ms: at(50),
            p90_ms: at(90),
            p99_ms: at(99),
            max_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_duration_that_was_measured() {
        let of = Durations::of((1..=200).rev().collect());
        assert_eq!((of.count, of.mean_ms, of.p50_ms, of.p90_ms, of.p99_ms, of.max_ms), (200, 100, 100, 180, 198, 200));
        let one = Durations::of(vec![7]);
        assert_eq!((one.p50_ms, one.p99_ms), (7, 7));
        assert_eq!(Durations::of(Vec::new()), Durations::default());
    }
}
