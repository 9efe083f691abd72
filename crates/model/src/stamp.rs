//! Stamps: a number that stands for a history. Two histories with one stamp wrote the same things in the same order.
//!
//! A stamp is chained over content, so it needs no counter that is shared between copies: a copy that is written to takes
//! another course than its origin, and whoever remembers the origin's stamp does not find it there. It is kept in memory
//! only and never crosses to another process.

use std::hash::{Hash, Hasher};

/// What a history has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stamp(u64);

impl Stamp {
    /// This history with `value` written after it.
    #[must_use]
    pub fn then(self, value: &(impl Hash + ?Sized)) -> Self {
        let mut chain = Chain(self.0);
        value.hash(&mut chain);
        Self(chain.finish())
    }

    /// Several histories side by side. Each is multiplied by an odd number of its own, so that none waits for another.
    pub fn of<const N: usize>(parts: [Stamp; N]) -> Self {
        let mut factor = Chain::MULTIPLIER;
        Self(parts.into_iter().fold(0, |all, part| {
            factor = factor.wrapping_add(2);
            all.wrapping_add(part.0.wrapping_mul(factor))
        }))
    }
}

/// Mixes word by word: an odd multiplier spreads a word upwards, a shift brings it down again.
struct Chain(u64);

impl Chain {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

    fn mix(&mut self, word: u64) {
        let mixed = (self.0.rotate_left(5) ^ word).wrapping_mul(Self::MULTIPLIER);
        self.0 = mixed ^ (mixed >> 29);
    }
}

impl Hasher for Chain {
    fn finish(&self) -> u64 {
        let mixed = self.0.wrapping_add(1).wrapping_mul(Self::MULTIPLIER);
        mixed ^ (mixed >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
        self.mix(bytes.len() as u64);
    }

    fn write_u8(&mut self, word: u8) {
        self.mix(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_history_has_the_same_stamp_and_another_order_another() {
        let of = |words: &[u32]| words.iter().fold(Stamp::default(), |stamp, word| stamp.then(word));
        assert_eq!(of(&[1, 2, 3]), of(&[1, 2, 3]));
        assert_ne!(of(&[1, 2, 3]), of(&[2, 1, 3]));
        assert_ne!(of(&[0]), of(&[]));
        assert_ne!(of(&[0, 0]), of(&[0]));
    }

    #[test]
    fn histories_side_by_side_are_told_apart_by_each_of_them_and_their_places() {
        let [a, b] = [1u32, 2].map(|word| Stamp::default().then(&word));
        let none = Stamp::default();
        let all = [[a, b], [b, a], [a, none], [none, a], [a, a], [b, b]].map(|parts| Stamp::of(parts).0);
        let distinct: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
