//! When each machine of a generated fleet comes up.

use argosy_workload::dice::Dice;

use super::layout::Site;
use crate::scenario::form::{Pattern, Startup};
use crate::scenario::scalar::Span;

/// Sets when each machine is there for the first time: its place in the pattern, and how long it takes to be created.
///
/// Machines come up side by side: a slow one holds up no other.
pub(super) fn schedule(sites: &mut [Site], startup: &Startup, seed: u64) {
    let offsets = offsets(sites.len() as u64, startup, seed);
    let mut dice = Dice::new(seed, "cold-start");
    for (site, offset) in sites.iter_mut().zip(offsets) {
        site.first_start_ms = offset + cold_start(startup, &mut dice);
    }
}

/// How long one machine takes to be created.
pub(super) fn cold_start(startup: &Startup, dice: &mut Dice) -> u64 {
    let (min, max) = (startup.cold_start_min, startup.cold_start_max);
    match (startup.cold_start_mean, startup.cold_start_stddev) {
        (Some(mean), deviation) => {
            let drawn = normal(dice, mean.0, deviation.unwrap_or(Span(0)).0);
            drawn.max(min.map_or(0, |min| min.0)).min(max.map_or(u64::MAX, |max| max.0))
        }
        (None, _) => {
            let least = min.unwrap_or(Span(0)).0;
            dice.between(least, max.map_or(least, |max| max.0).max(least))
        }
    }
}

/// A number from a normal distribution, not below 0: the sum of twelve even draws, which is within six deviations.
pub(super) fn normal(dice: &mut Dice, mean: u64, deviation: u64) -> u64 {
    const WHOLE: u64 = 1 << 20;
    let sum: u64 = (0..12).map(|_| dice.below(WHOLE)).sum();
    let (above, below) = (sum.saturating_sub(6 * WHOLE), (6 * WHOLE).saturating_sub(sum));
    let scaled = |part: u64| u64::try_from(u128::from(part) * u128::from(deviation) / u128::from(WHOLE));
    let (above, below) = (scaled(above).unwrap_or(u64::MAX), scaled(below).unwrap_or(u64::MAX));
    mean.saturating_add(above).saturating_sub(below)
}

/// The size of each batch, by pattern, and the pause after each in microseconds.
fn batches(count: u64, startup: &Startup) -> (Vec<u64>, u64) {
    let pattern = startup.pattern.unwrap_or(Pattern::Linear);
    let usual = match pattern {
        Pattern::Instant => Span(0),
        Pattern::Linear => Span::seconds(30),
        Pattern::Exponential => Span::minutes(2),
        Pattern::Wave => Span::minutes(5),
    };
    let duration = startup.duration.unwrap_or(usual).0;
    let (mut sizes, mut left, mut doubled) = (Vec::new(), count, 1);
    while left > 0 {
        let size = match pattern {
            Pattern::Instant => left,
            Pattern::Linear => 1,
            Pattern::Exponential => doubled,
            Pattern::Wave => u64::from(startup.batch_size.unwrap_or(100).max(1)),
        };
        sizes.push(size.min(left));
        left -= size.min(left);
        doubled = doubled.saturating_mul(2);
    }
    let pause_us = if pattern == Pattern::Instant { 0 } else { duration * 1_000 / (sizes.len() as u64).max(1) };
    (sizes, pause_us)
}

fn offsets(count: u64, startup: &Startup, seed: u64) -> Vec<u64> {
    let jitter = match (startup.pattern, startup.jitter_percent) {
        (None, None) => 10,
        (_, jitter) => u64::from(jitter.unwrap_or(0).min(100)),
    };
    let (sizes, pause_us) = batches(count, startup);
    let mut dice = Dice::new(seed, "startup");
    let (mut now_us, mut offsets) = (0, Vec::new());
    for size in sizes {
        offsets.extend((0..size).map(|_| now_us / 1_000));
        // From 1 - j to 1 + j times the pause.
        let factor = dice.between(100_000 - jitter * 1_000, 100_000 + jitter * 1_000);
        now_us += pause_us * factor / 100_000;
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: Pattern, seconds: u64) -> Startup {
        Startup { pattern: Some(pattern), duration: Some(Span::seconds(seconds)), ..Startup::default() }
    }

    #[test]
    fn every_pattern_brings_up_every_machine_in_its_order() {
        let starts = |count, startup: &Startup| offsets(count, startup, 1);
        assert_eq!(starts(3, &of(Pattern::Instant, 60)), [0, 0, 0]);
        assert_eq!(starts(4, &of(Pattern::Linear, 8)), [0, 2_000, 4_000, 6_000]);
        assert_eq!(starts(7, &of(Pattern::Exponential, 9)), [0, 3_000, 3_000, 6_000, 6_000, 6_000, 6_000]);
        let wave = Startup { batch_size: Some(2), ..of(Pattern::Wave, 6) };
        assert_eq!(starts(5, &wave), [0, 0, 2_000, 2_000, 4_000]);
        assert_eq!(starts(50, &Startup::default()).len(), 50);
    }

    #[test]
    fn a_normal_draw_has_its_mean_and_its_deviation() {
        let mut dice = Dice::new(1, "normal");
        let drawn: Vec<u64> = (0..50_000).map(|_| normal(&mut dice, 300_000, 120_000)).collect();
        let mean = drawn.iter().sum::<u64>() / 50_000;
        let variance = drawn.iter().map(|one| one.abs_diff(mean).pow(2)).sum::<u64>() / 50_000;
        assert!(mean.abs_diff(300_000) < 2_000, "{mean}");
        assert!(variance.isqrt().abs_diff(120_000) < 2_000, "{}", variance.isqrt());
    }

    #[test]
    fn cold_starts_keep_to_their_bounds() {
        let mut dice = Dice::new(1, "cold");
        let bounded = Startup {
            cold_start_mean: Some(Span::seconds(60)),
            cold_start_stddev: Some(Span::seconds(60)),
            cold_start_min: Some(Span::seconds(30)),
            cold_start_max: Some(Span::seconds(90)),
            ..Startup::default()
        };
        assert!((0..1_000).all(|_| (30_000..=90_000).contains(&cold_start(&bounded, &mut dice))));
        assert_eq!(cold_start(&Startup::default(), &mut dice), 0);
    }
}
