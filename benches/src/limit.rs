//! What this machine can do at best, measured in the same run: streaming the fleet's hot column once, and one access to a
//! random record of it, each waiting for the one before. In processor time, so that a busy machine does not seem a slow one.

use std::hint::black_box;
use std::time::Duration;

use crate::meter::cpu_time;

/// Bytes of a machine's record: one cache line.
const RECORD_BYTES: usize = 64;
/// Words of a record.
const WORDS: usize = RECORD_BYTES / 8;
/// How many random accesses are timed.
const HOPS: usize = 1 << 20;
/// Measured this often; the best counts, because everything else is noise from outside.
const TRIES: usize = 3;

/// The limits for a fleet of one size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    stream: Duration,
    hop: Duration,
}

impl Limit {
    /// Measures them on a column of `machines` records.
    pub(crate) fn measure(machines: usize) -> Self {
        let mut column: Vec<[u64; WORDS]> = vec![[0; WORDS]; machines];
        for (at, record) in column.iter_mut().enumerate() {
            record[0] = successor(at as u64, machines as u64);
        }
        let best = |work: &dyn Fn() -> u64| {
            let tries = (0..TRIES).map(|_| {
                let start = cpu_time();
                black_box(work());
                cpu_time() - start
            });
            tries.min().unwrap_or_default()
        };
        let stream = best(&|| column.iter().fold(0, |sum, record| sum ^ record.iter().fold(0, |sum, word| sum ^ word)));
        let hops = best(&|| (0..HOPS).fold(0, |at, _| next(&column, at)));
        Self { stream, hop: hops / u32::try_from(HOPS).unwrap_or(u32::MAX) }
    }

    /// Streaming the column once, and one random access for each of `placements`.
    pub(crate) fn of(&self, placements: usize) -> Duration {
        self.stream + self.hops(placements)
    }

    /// Random accesses alone.
    pub(crate) fn hops(&self, times: usize) -> Duration {
        Duration::from_nanos(u64::try_from(self.hop.as_nanos()).unwrap_or(u64::MAX).saturating_mul(times as u64))
    }

    /// Copying this many bytes once.
    pub(crate) fn copy(bytes: &[u8]) -> Duration {
        let mut copy = bytes.to_vec();
        let tries = (0..TRIES).map(|_| {
            let start = cpu_time();
            copy.copy_from_slice(black_box(bytes));
            black_box(&copy);
            cpu_time() - start
        });
        tries.min().unwrap_or_default()
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "streaming the hot column {:.1?}, one random access {:.1?}", self.stream, self.hop)
    }
}

/// The record after `at`: its own first word says which.
fn next(column: &[[u64; WORDS]], at: u64) -> u64 {
    column[usize::try_from(at).unwrap_or_default()][0]
}

/// One cycle through `0..length` that no prefetcher guesses: a full-period congruential generator over the next power of
/// two (Knuth, The Art of Computer Programming, 3.2.1.2), walked on until it falls into the range.
fn successor(at: u64, length: u64) -> u64 {
    let mask = length.next_power_of_two() - 1;
    let step = |x: u64| x.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f) & mask;
    let mut next = step(at);
    while next >= length {
        next = step(next);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_comes_by_every_record_before_it_returns() {
        let length = 1_000;
        let mut at = 0;
        let mut steps = 0;
        while steps == 0 || at != 0 {
            at = successor(at, length);
            steps += 1;
        }
        assert_eq!(steps, length);
    }
}
