//! Chance without a generator: every draw is a hash of what it is about.
//!
//! A draw depends on the seed, the machine, a purpose and an ordinal of that machine alone, so neither the order in which calls of
//! different machines arrive nor a change of an unrelated rate can change it. The mixing is written out here because it is part of what a
//! seed means: a library's hash may change from one version to the next.

/// What a draw decides. The numbers are part of what a seed means; never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Unavailable = 1,
    Throttle = 2,
    LostAck = 3,
    Hang = 4,
    Failure = 5,
    StockOut = 6,
    Stuck = 7,
    Latency = 8,
    Vanish = 9,
    Interruption = 10,
    AckDelay = 11,
    Selection = 12,
    Cursor = 13,
    ListDelay = 14,
}

/// One draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Draw(u64);

impl Draw {
    /// The draw for the `ordinal`-th time that `purpose` comes up for `about`.
    pub(super) fn new(seed: u64, about: &str, purpose: Purpose, ordinal: u64) -> Self {
        let mut state = mix(seed ^ 0x9e37_79b9_7f4a_7c15);
        state = mix(state ^ (purpose as u64));
        state = mix(state ^ ordinal);
        for chunk in about.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            state = mix(state ^ u64::from_le_bytes(word));
        }
        // The length, so that a trailing NUL is not nothing.
        Self(mix(state ^ about.len() as u64))
    }

    /// True at a rate of so many parts per million.
    pub(super) fn hits(self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }

    /// Evenly from 0 up to, not including, `bound`; 0 when that is 0.
    pub(super) fn below(self, bound: u64) -> u64 {
        let wide = u128::from(self.0) * u128::from(bound);
        u64::try_from(wide >> 64).expect("the high half of a product fits")
    }

    /// All of its bits.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// Time until something happens that has this chance per hour, milliseconds: exponential, and `None` for "not within ten years".
    pub(super) fn time_to(self, per_hour_ppb: u64) -> Option<u64> {
        const HOUR_MS: f64 = 3_600_000.0;
        const TEN_YEARS_MS: f64 = HOUR_MS * 24.0 * 3650.0;
        if per_hour_ppb == 0 {
            return None;
        }
        // From the chance within an hour to a rate, with certainty held just below 1 so that the rate stays finite.
        let chance = (per_hour_ppb as f64 / 1e9).min(0.999_999);
        let uniform = ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let wait_ms = uniform.ln() / (-chance).ln_1p() * HOUR_MS;
        // Below the bound it fits with room to spare, and it is never negative: both logarithms are.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (wait_ms < TEN_YEARS_MS).then_some(wait_ms as u64)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_the_same_for_ever() {
        // Worked out apart from this code: a change here changes what every published seed means.
        assert_eq!(Draw::new(1, "m-000001", Purpose::Latency, 3).bits(), 0x52c5_df80_4171_66d2);
        assert_eq!(Draw::new(42, "h100-eu-a-000000", Purpose::Failure, 0).bits(), 0xda46_5f9c_8075_3771);
        assert_ne!(Draw::new(1, "m", Purpose::Latency, 0), Draw::new(1, "m\0", Purpose::Latency, 0));
        assert_ne!(Draw::new(1, "m", Purpose::Latency, 0), Draw::new(2, "m", Purpose::Latency, 0));
        assert_ne!(Draw::new(1, "m", Purpose::Latency, 0), Draw::new(1, "m", Purpose::Stuck, 0));
    }

    #[test]
    fn rates_come_out_as_asked() {
        let hits = (0..100_000).filter(|n| Draw::new(7, "m", Purpose::Failure, *n).hits(50_000)).count();
        assert!((4_700..5_300).contains(&hits), "{hits}");
        assert!((0..10_000).all(|n| !Draw::new(7, "m", Purpose::Failure, n).hits(0)));
        assert!((0..10_000).all(|n| Draw::new(7, "m", Purpose::Failure, n).hits(1_000_000)));
    }

    #[test]
    fn a_chance_per_hour_is_met_within_the_hour_at_that_chance() {
        let times = (0..100_000).map(|n| Draw::new(7, "m", Purpose::Vanish, n).time_to(50_000_000));
        let within = times.filter(|time| time.is_some_and(|ms| ms < 3_600_000)).count();
        assert!((4_700..5_300).contains(&within), "{within}");
        assert_eq!(Draw::new(7, "m", Purpose::Vanish, 0).time_to(0), None);
    }
}
