//! Seeded randomness with integer arithmetic only.
//!
//! Every draw is a pure function of (seed, stream, position): no floating point, no platform's mathematics library, no
//! hasher with a secret. So the same seed gives the same fleet, the same demand and the same trace on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// Parts in a whole, for probabilities and shares given in parts per million.
pub const PPM: u32 = 1_000_000;

/// One stream of random draws.
///
/// Streams of one seed are independent: a draw more in one shifts nothing in another.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream called `stream` of `seed`.
    pub fn new(seed: u64, stream: &str) -> Self {
        let mut key = [0; 32];
        let name = stable_hash(stream.as_bytes());
        for (chunk, word) in key.chunks_exact_mut(8).zip([seed, name, mix(seed), mix(name)]) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Sixty-four random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform number below `bound`.
    ///
    /// # Panics
    /// When `bound` is zero: there is no such number.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below zero");
        // Lemire's multiply and reject: no modulo bias, and almost never a second draw.
        let reject_below = bound.wrapping_neg() % bound;
        loop {
            let wide = u128::from(self.bits()) * u128::from(bound);
            if low(wide) >= reject_below {
                return high(wide);
            }
        }
    }

    /// A uniform number from `low` to `high`, both included.
    ///
    /// # Panics
    /// When `low` is above `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "an empty range {low}..={high}");
        match (high - low).checked_add(1) {
            Some(width) => low + self.below(width),
            None => self.bits(),
        }
    }

    /// True with a probability of `ppm` parts per million.
    pub fn chance(&mut self, ppm: u32) -> bool {
        self.below(u64::from(PPM)) < u64::from(ppm)
    }

    /// The index of one of `weights`, drawn in proportion to them; `None` when they sum to nothing.
    pub fn weighted(&mut self, weights: impl Iterator<Item = u64> + Clone) -> Option<usize> {
        let total: u64 = weights.clone().sum();
        if total == 0 {
            return None;
        }
        let mut left = self.below(total);
        weights.into_iter().position(|weight| match left.checked_sub(weight) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        })
    }

    /// An exponentially distributed number with this mean, rounded down: a lifetime, a gap between arrivals.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        // 2^64 - bits lies in [1, 2^64], so -ln(u) = ln(2) * (64 - log2 of it), in units of 2^-32.
        let uniform = (1_u128 << 64) - u128::from(self.bits());
        let minus_log2 = (64_u128 << 32) - log2_q32(uniform);
        let scaled = u128::from(mean) * ((minus_log2 * LN_2_Q32) >> 32);
        u64::try_from(scaled >> 32).unwrap_or(u64::MAX)
    }
}

/// ln 2 in units of 2^-32.
const LN_2_Q32: u128 = 2_977_044_472;

/// The binary logarithm of `value` (1 to 2^64) in units of 2^-32, rounded down: normalise, then square once per bit.
fn log2_q32(value: u128) -> u128 {
    let whole = value.ilog2();
    let mut mantissa = value << (64 - whole);
    let mut log = u128::from(whole) << 32;
    for bit in (0..32).rev() {
        // The mantissa lies in [2^64, 2^65); half of its width is dropped so that the square fits.
        mantissa = (mantissa >> 2).pow(2) >> 60;
        if mantissa >= 1 << 65 {
            mantissa >>= 1;
            log |= 1 << bit;
        }
    }
    log
}

/// A 64-bit hash that is the same in every build and on every machine (FNV-1a, then mixed).
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    mix(fnv)
}

/// Splitmix64's finisher: spreads a difference in any bit over all of them.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[allow(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
fn low(wide: u128) -> u64 {
    wide as u64
}

fn high(wide: u128) -> u64 {
    u64::try_from(wide >> 64).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_stream_give_the_same_draws_and_another_stream_gives_others() {
        let draws = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            (0..8).map(|_| dice.bits()).collect::<Vec<_>>()
        };
        assert_eq!(draws(7, "arrivals"), draws(7, "arrivals"));
        assert_ne!(draws(7, "arrivals"), draws(7, "lifetimes"));
        assert_ne!(draws(7, "arrivals"), draws(8, "arrivals"));
    }

    #[test]
    fn draws_are_pinned_so_that_a_seed_means_the_same_next_year() {
        let mut dice = Dice::new(42, "pin");
        let uniform: Vec<u64> = (0..4).map(|_| dice.below(1000)).collect();
        let exponential: Vec<u64> = (0..4).map(|_| dice.exponential(1000)).collect();
        assert_eq!((uniform, exponential), (vec![65, 161, 629, 67], vec![210, 478, 228, 1411]));
    }

    #[test]
    fn the_logarithm_is_right_at_powers_of_two_and_between() {
        for power in 0..=64 {
            assert_eq!(log2_q32(1 << power), u128::from(power as u32) << 32);
        }
        // log2(3) = 1.584962500721156…
        assert_eq!(log2_q32(3), 6_807_362_105);
        assert_eq!(log2_q32(1_000_000), 85_605_435_163);
    }

    #[test]
    fn exponential_draws_have_the_mean_and_the_median_they_should() {
        let mut dice = Dice::new(1, "exponential");
        let mut drawn: Vec<u64> = (0..200_000).map(|_| dice.exponential(600_000)).collect();
        drawn.sort_unstable();
        let mean = drawn.iter().sum::<u64>() / 200_000;
        assert!(mean.abs_diff(600_000) < 6_000, "mean {mean}");
        assert!(drawn[100_000].abs_diff(415_888) < 6_000, "median {}", drawn[100_000]);
    }

    #[test]
    fn weighted_draws_follow_the_weights_and_never_take_a_zero() {
        let mut dice = Dice::new(1, "weights");
        let mut counts = [0_u32; 3];
        for _ in 0..60_000 {
            counts[dice.weighted([1, 0, 2].into_iter()).unwrap()] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!(counts[0].abs_diff(20_000) < 600, "{counts:?}");
        assert_eq!(dice.weighted([0, 0].into_iter()), None);
    }
}
