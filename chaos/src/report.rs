//! What a series of runs came to, for machines and for people.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_failpoint::Failpoint;
use serde::Serialize;

use crate::run::Outcome;
use crate::timeline::Timeline;

/// The sum of many runs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Seeds that were run.
    pub seeds: Vec<u64>,
    /// Time that passed in all worlds together.
    pub simulated_s: f64,
    /// Time that passed outside.
    pub wall_s: f64,
    /// Faults that struck, by kind.
    pub fault_events: BTreeMap<String, u64>,
    /// How often each failpoint fired, by name; 0 for one that never did.
    pub failpoints: BTreeMap<String, u64>,
    /// What must not be.
    pub violations: Vec<Finding>,
    /// Gaps in the service of administrators, in seconds.
    pub unavailable_s: Spread,
    /// From healing to rest, in seconds.
    pub recovery_s: Spread,
    /// The name of each run.
    pub trace_hash: BTreeMap<u64, String>,
    /// Operations of administrators that were answered.
    pub answered: u64,
    #[serde(skip)]
    pub(crate) outages: Vec<Duration>,
    #[serde(skip)]
    pub(crate) recoveries: Vec<Duration>,
    #[serde(skip)]
    pub(crate) rows: Vec<Row>,
    /// The runs that are worth drawing, with their seeds; the worst first.
    #[serde(skip)]
    pub(crate) drawn: Vec<(Weight, u64, Timeline)>,
}

/// Runs that are drawn of a series: a night has too many to keep them all.
const DRAWN: usize = 12;

/// How much a run is worth drawing: what it broke, then its longest outage.
pub(crate) type Weight = (usize, Duration);

/// One run in figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) seed: u64,
    pub(crate) simulated: Duration,
    pub(crate) broken: usize,
    pub(crate) faults: u64,
    pub(crate) outages: Vec<Duration>,
    pub(crate) recovery: Option<Duration>,
    pub(crate) trace_hash: String,
}

/// One contradiction.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The property.
    pub invariant: String,
    /// The seed.
    pub seed: u64,
    /// When, in seconds of the world.
    pub at_s: f64,
    /// How.
    pub detail: String,
}

/// A distribution, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of these times; of none, nothing.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        let seconds = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64);
        Self { p50: seconds(at(50)), p99: seconds(at(99)), max: seconds(times.last()) }
    }
}

impl Report {
    /// Adds a run.
    pub fn add(&mut self, outcome: &Outcome) {
        self.seeds.push(outcome.seed);
        self.simulated_s += outcome.simulated.as_secs_f64();
        for (kind, count) in &outcome.strikes {
            *self.fault_events.entry(kind.clone()).or_default() += count;
        }
        for (point, hits) in &outcome.failpoints {
            *self.failpoints.entry(point.clone()).or_default() += hits;
        }
        self.violations.extend(outcome.violations.iter().map(|violation| Finding {
            invariant: violation.invariant.clone(),
            seed: outcome.seed,
            at_s: violation.at.as_secs_f64(),
            detail: violation.detail.clone(),
        }));
        self.outages.extend(&outcome.outages);
        self.recoveries.extend(outcome.recovery);
        self.trace_hash.insert(outcome.seed, outcome.trace_hash.clone());
        self.answered += outcome.answered as u64;
        self.draw(outcome);
    }

    fn draw(&mut self, outcome: &Outcome) {
        let (seed, broken, outages) = (outcome.seed, outcome.violations.len(), outcome.outages.clone());
        let weight = (broken, outages.iter().max().copied().unwrap_or_default());
        let at = self.drawn.partition_point(|(known, other, _)| (*known, seed) > (weight, *other));
        if at < DRAWN {
            self.drawn.insert(at, (weight, seed, outcome.timeline.clone()));
            self.drawn.truncate(DRAWN);
        }
        self.rows.push(Row {
            seed,
            simulated: outcome.simulated,
            broken,
            faults: outcome.strikes.values().sum(),
            outages,
            recovery: outcome.recovery,
            trace_hash: outcome.trace_hash.clone(),
        });
    }

    /// Closes the series.
    #[must_use]
    pub fn finish(mut self, wall: Duration) -> Self {
        self.seeds.sort_unstable();
        for point in Failpoint::ALL {
            self.failpoints.entry(point.name().to_owned()).or_default();
        }
        self.violations.sort_by_key(|finding| finding.seed);
        self.wall_s = wall.as_secs_f64();
        self.rows.sort_by_key(|row| row.seed);
        self.unavailable_s = Spread::of(self.outages.clone());
        self.recovery_s = Spread::of(self.recoveries.clone());
        self
    }

    /// Failpoints that never fired.
    #[must_use]
    pub fn silent(&self) -> Vec<&str> {
        self.failpoints.iter().filter(|(_, hits)| **hits == 0).map(|(point, _)| point.as_str()).collect()
    }

    /// How many faults struck.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.fault_events.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_what_there_is() {
        assert_eq!(Spread::of(Vec::new()), Spread::default());
        let spread = Spread::of((1..=100).rev().map(Duration::from_secs).collect());
        assert_eq!(spread, Spread { p50: 51.0, p99: 100.0, max: 100.0 });
    }
}
