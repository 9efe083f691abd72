//! Money and probability as integers, so that comparisons are exact and total.

use serde::{Deserialize, Serialize};

/// Millionths of a US dollar. Prices are per hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MicroUsd(pub u64);

/// Parts per billion: an hourly probability of interruption, 0 to 1,000,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ppb(pub u32);

impl MicroUsd {
    /// A whole number of dollars.
    pub const fn from_usd(usd: u64) -> Self {
        Self(usd.saturating_mul(1_000_000))
    }

    /// Converts a price of the wire (dollars, a double), rounding to the nearest millionth.
    /// `None` unless it is finite, not negative and below 9 trillion dollars.
    pub fn from_wire_usd(usd: f64) -> Option<Self> {
        let micro = (usd * 1e6).round();
        let sane = micro.is_finite() && (0.0..9e18).contains(&micro);
        // In range by the check above: the cast can neither truncate nor change sign.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        sane.then_some(Self(micro as u64))
    }

    /// Dollars for the wire and for people.
    pub fn to_usd(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Ppb {
    /// Certainty.
    pub const ONE: Self = Self(1_000_000_000);

    /// Converts a probability of the wire. `None` unless it lies in [0, 1].
    pub fn from_wire(probability: f64) -> Option<Self> {
        let sane = (0.0..=1.0).contains(&probability);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        sane.then(|| Self((probability * 1e9).round() as u32))
    }
}

/// What a machine costs a workload for an hour: price plus the expected cost of an interruption. Exact, finite and
/// totally ordered for every input, pinned workloads included.
pub fn effective_cost(price: MicroUsd, interruption: Ppb, penalty: MicroUsd) -> u128 {
    u128::from(price.0) + u128::from(interruption.0) * u128::from(penalty.0) / u128::from(Ppb::ONE.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bucket;

    #[test]
    fn wire_values_that_are_no_price_or_probability_are_refused() {
        for bad in [-0.01, f64::NAN, f64::INFINITY, 1e40] {
            assert_eq!(MicroUsd::from_wire_usd(bad), None, "{bad}");
        }
        for bad in [-0.1, 1.000_001, f64::NAN] {
            assert_eq!(Ppb::from_wire(bad), None, "{bad}");
        }
        assert_eq!(MicroUsd::from_wire_usd(0.1), Some(MicroUsd(100_000)));
        assert_eq!(Ppb::from_wire(1.0), Some(Ppb::ONE));
    }

    #[test]
    fn pinned_work_has_a_finite_cost_and_prefers_the_safer_machine() {
        let pinned = Bucket::PINNED.upper_bound();
        let safe = effective_cost(MicroUsd::from_usd(40), Ppb(0), pinned);
        let risky = effective_cost(MicroUsd(1), Ppb(1_000_000), pinned);
        let riskier = effective_cost(MicroUsd(1), Ppb(2_000_000), pinned);
        assert_eq!(safe, 40_000_000);
        assert!(safe < risky && risky < riskier);
    }
}
