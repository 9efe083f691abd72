//! Resource vectors: amounts by dimension, as integers.
//!
//! `cpu` counts milli-cores, every other dimension whole units (bytes, devices). An amount is at most 2^63 − 1; sums
//! saturate at 2^64 − 1, which 100,000 machines of 2 TiB do not come near (2^58). A missing dimension is zero, and zero
//! amounts are not stored, so equal vectors are equal bytes.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::ids::DimIx;

/// Amounts by dimension, sorted by dimension, none of them zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resources(SmallVec<[(DimIx, u64); 3]>);

impl Resources {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Collects amounts; of a dimension named twice the amounts add up.
    pub fn from_amounts(amounts: impl IntoIterator<Item = (DimIx, u64)>) -> Self {
        let mut vector = Self::none();
        for (dim, amount) in amounts {
            vector.set(dim, vector.get(dim).saturating_add(amount));
        }
        vector
    }

    /// The amount in `dim`.
    pub fn get(&self, dim: DimIx) -> u64 {
        self.0.binary_search_by_key(&dim, |(d, _)| *d).map_or(0, |at| self.0[at].1)
    }

    /// Sets the amount in `dim`.
    pub fn set(&mut self, dim: DimIx, amount: u64) {
        match (self.0.binary_search_by_key(&dim, |(d, _)| *d), amount) {
            (Ok(at), 0) => drop(self.0.remove(at)),
            (Ok(at), _) => self.0[at].1 = amount,
            (Err(_), 0) => {}
            (Err(at), _) => self.0.insert(at, (dim, amount)),
        }
    }

    /// The dimensions that are not zero, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (DimIx, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Whether every dimension is zero.
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every wanted dimension is there in full.
    pub fn covers(&self, wanted: &Self) -> bool {
        wanted.iter().all(|(dim, amount)| self.get(dim) >= amount)
    }

    /// Adds `other`, saturating.
    pub fn add(&mut self, other: &Self) {
        for (dim, amount) in other.iter() {
            self.set(dim, self.get(dim).saturating_add(amount));
        }
    }

    /// Takes `other` away, to zero at the least.
    pub fn subtract(&mut self, other: &Self) {
        for (dim, amount) in other.iter() {
            self.set(dim, self.get(dim).saturating_sub(amount));
        }
    }

    /// This, `times` over, saturating.
    pub fn times(&self, times: u64) -> Self {
        Self(self.0.iter().map(|(dim, amount)| (*dim, amount.saturating_mul(times))).filter(|(_, a)| *a > 0).collect())
    }

    /// The larger amount of either, by dimension.
    pub fn max(&self, other: &Self) -> Self {
        let mut larger = self.clone();
        for (dim, amount) in other.iter() {
            larger.set(dim, larger.get(dim).max(amount));
        }
        larger
    }

    /// How many whole `unit`s fit in this vector; `u64::MAX` if the unit is nothing.
    pub fn units_of(&self, unit: &Self) -> u64 {
        unit.iter().map(|(dim, amount)| self.get(dim) / amount).min().unwrap_or(u64::MAX)
    }

    /// How many of `unit` it takes to cover this vector; `None` if some dimension of it is not in the unit at all.
    pub fn units_to_cover(&self, unit: &Self) -> Option<u64> {
        self.iter().try_fold(0, |most, (dim, amount)| match unit.get(dim) {
            0 => None,
            per_unit => Some(most.max(amount.div_ceil(per_unit))),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dim(n: usize) -> DimIx {
        DimIx::from_index(n)
    }

    fn vector() -> impl Strategy<Value = Resources> {
        proptest::collection::vec((0usize..4, 0u64..1 << 62), 0..5)
            .prop_map(|amounts| Resources::from_amounts(amounts.into_iter().map(|(d, a)| (dim(d), a))))
    }

    #[test]
    fn a_hundred_thousand_machines_of_two_tebibytes_do_not_overflow() {
        let one = Resources::from_amounts([(dim(0), 2 << 40)]);
        assert_eq!(one.times(100_000).get(dim(0)), 100_000 * (2 << 40));
    }

    proptest! {
        #[test]
        fn what_is_taken_away_is_no_longer_covered_or_zero(a in vector(), b in vector()) {
            let mut rest = a.clone();
            rest.subtract(&b);
            prop_assert!(a.covers(&rest));
            let mut back = rest.clone();
            back.add(&b);
            prop_assert!(back.covers(&a));
            prop_assert_eq!(rest.is_zero(), b.covers(&a));
        }

        #[test]
        fn units_to_cover_is_the_least_number_that_covers(a in vector(), unit in vector()) {
            if let Some(n) = a.units_to_cover(&unit).filter(|n| *n > 0) {
                prop_assert!(unit.times(n).covers(&a));
                prop_assert!(!unit.times(n - 1).covers(&a));
            }
        }

        #[test]
        fn zero_amounts_leave_no_trace(a in vector()) {
            let mut emptied = a.clone();
            emptied.subtract(&a);
            prop_assert_eq!(emptied, Resources::none());
        }
    }
}
