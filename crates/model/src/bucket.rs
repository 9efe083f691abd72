//! Penalty buckets: the 28 steps in which the wire speaks of what an interruption or a reclaim costs.

use serde::{Deserialize, Serialize};

use crate::money::MicroUsd;

/// A penalty bucket by its wire number: 0 unspecified, 1 zero, 2 half a dollar, 3 … 26 powers of two from $1 to
/// $8,388,608, 27 pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bucket(u8);

impl Bucket {
    /// Not stated: counts as no penalty.
    pub const UNSPECIFIED: Self = Self(0);
    /// No penalty.
    pub const ZERO: Self = Self(1);
    /// Up to $0.50.
    pub const HALF_DOLLAR: Self = Self(2);
    /// Above every bound: must not be interrupted for money.
    pub const PINNED: Self = Self(27);

    /// The bucket with this wire number, if there is one.
    pub fn from_number(number: i32) -> Option<Self> {
        u8::try_from(number).ok().filter(|n| *n <= Self::PINNED.0).map(Self)
    }

    /// Its number on the wire.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The smallest bucket whose upper bound is at least `penalty`.
    pub fn covering(penalty: MicroUsd) -> Self {
        (Self::ZERO.0..Self::PINNED.0).map(Self).find(|bucket| bucket.upper_bound() >= penalty).unwrap_or(Self::PINNED)
    }

    /// What the bucket counts as: its upper bound, a deliberate over-estimate. Pinned counts as twice the highest
    /// bound: finite, so that costs stay comparable, and above every other.
    pub fn upper_bound(self) -> MicroUsd {
        match self.0 {
            0 | 1 => MicroUsd(0),
            2 => MicroUsd(500_000),
            n => MicroUsd(1_000_000 << (n - 3)),
        }
    }

    /// As a metric label: `0`, `0.5`, `1` … `8388608`, `pinned`.
    pub fn label(self) -> String {
        match self.0 {
            0 | 1 => "0".to_owned(),
            2 => "0.5".to_owned(),
            27 => "pinned".to_owned(),
            n => (1u64 << (n - 3)).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_penalty_rounds_up_to_its_bucket() {
        assert_eq!(Bucket::covering(MicroUsd(0)), Bucket::ZERO);
        assert_eq!(Bucket::covering(MicroUsd(1)), Bucket::HALF_DOLLAR);
        assert_eq!(Bucket::covering(MicroUsd(500_001)).label(), "1");
        assert_eq!(Bucket::covering(MicroUsd::from_usd(8_388_608)).number(), 26);
        assert_eq!(Bucket::covering(MicroUsd::from_usd(8_388_609)), Bucket::PINNED);
    }

    #[test]
    fn only_the_28_numbers_of_the_wire_are_buckets() {
        assert!(Bucket::from_number(-1).is_none() && Bucket::from_number(28).is_none());
        assert!((0..=27).all(|n| Bucket::from_number(n).is_some()));
    }

    #[test]
    fn upper_bounds_rise_with_the_number() {
        assert!((1..27).all(|n| Bucket(n).upper_bound() < Bucket(n + 1).upper_bound()));
    }
}
