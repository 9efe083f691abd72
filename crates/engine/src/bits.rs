//! Sets of small numbers, walked in order: which rows a cycle has to look at, without looking at the others.

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn insert(&mut self, at: usize) {
        if at / 64 >= self.0.len() {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub(crate) fn remove(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word &= !(1 << (at % 64));
        }
    }

    pub(crate) fn set(&mut self, at: usize, is_member: bool) {
        if is_member { self.insert(at) } else { self.remove(at) }
    }

    pub(crate) fn contains(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// The first member that is not below `from`.
    pub(crate) fn next(&self, from: usize) -> Option<usize> {
        let mut rest = self.0.get(from / 64)? & (!0 << (from % 64));
        let mut at = from / 64;
        while rest == 0 {
            at += 1;
            rest = *self.0.get(at)?;
        }
        Some(at * 64 + rest.trailing_zeros() as usize)
    }

    /// All members, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.next(0), |at| self.next(at + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_order_and_one_that_is_added_ahead_is_met() {
        let mut bits = Bits::default();
        [200, 3, 64, 63].into_iter().for_each(|at| bits.insert(at));
        assert_eq!(bits.iter().collect::<Vec<_>>(), [3, 63, 64, 200]);
        bits.remove(63);
        bits.insert(127);
        assert_eq!((bits.next(4), bits.next(65), bits.next(201)), (Some(64), Some(127), None));
        assert!(!bits.contains(63) && !bits.contains(9_999));
    }
}
