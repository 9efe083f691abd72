//! How often a condition has been true, and how fast a metric rises.

use argosy_model::Duration;

use super::Watch;
use crate::event::{Event, Metric, cut};
use crate::policy::{MAX_COUNT, Rule, Threshold};
use crate::record::{Hit, MAX_TALLIES, Tally};

/// Points of a rate that are kept: enough that one lies within a thirty-second of the window's edge.
const RATE_POINTS: u64 = 32;
/// Longest text of which different ones are counted, in bytes.
const MAX_DISTINCT: usize = 64;

impl Watch {
    /// Whether a rule whose condition holds has held often enough. What is counted over events is part of the record, what is
    /// counted over readings is not.
    pub(super) fn counts(&mut self, rule: &Rule, event: &Event, is_reading: bool) -> bool {
        if rule.threshold == Threshold::Once {
            return true;
        }
        let clock = self.clock;
        let key = (rule.name.to_string(), self.place(rule, event.gpu_index));
        let tallies = if is_reading { &mut self.soft.tallies } else { &mut self.record.tallies };
        if tallies.len() >= MAX_TALLIES && !tallies.contains_key(&key) {
            let oldest = tallies.iter().min_by_key(|(_, tally)| tally.hits.last().map(|hit| hit.at));
            let oldest = oldest.map(|(key, _)| key.clone()).expect("there are tallies");
            tallies.remove(&oldest);
        }
        match &rule.threshold {
            Threshold::Once => true,
            Threshold::Count { count, window, distinct } => {
                let text = match distinct {
                    None => String::new(),
                    Some(metric) => match event.metrics.get(&**metric) {
                        Some(value) => cut(&value.text(), MAX_DISTINCT),
                        None => return false,
                    },
                };
                let tally = tallies.entry(key).or_default();
                tally.hits.retain(|hit| clock.since(hit.at) <= *window);
                if distinct.is_some() {
                    tally.hits.retain(|hit| hit.text != text);
                }
                tally.hits.push(Hit { at: clock, value: 0, text });
                let spare = tally.hits.len().saturating_sub(MAX_COUNT as usize);
                tally.hits.drain(..spare);
                tally.hits.len() >= *count as usize
            }
            Threshold::Rate { metric, per, above } => {
                let Some(value) = event.metrics.get(&**metric).and_then(Metric::whole) else { return false };
                let tally = tallies.entry(key).or_default();
                rise(tally, Hit { at: clock, value, text: String::new() }, *per) > *above
            }
        }
    }
}

/// Adds a point, and says by how much the metric has risen within the window. A value that falls is a counter that began anew.
fn rise(tally: &mut Tally, point: Hit, per: Duration) -> i64 {
    if tally.hits.last().is_some_and(|last| point.value < last.value) {
        tally.hits.clear();
    }
    tally.hits.retain(|hit| point.at.since(hit.at) <= per);
    let risen = tally.hits.first().map_or(0, |first| point.value.saturating_sub(first.value));
    // The newest point is always kept; the one before it only if it lies far enough from its own predecessor, and not amid three that
    // say the same: nearly every counter of a fleet stands still, and two points say that as well as thirty.
    let step = per.0 / RATE_POINTS;
    if let [.., before, last] = &tally.hits[..]
        && (last.at.since(before.at).0 < step || (before.value == last.value && last.value == point.value))
    {
        tally.hits.pop();
    }
    tally.hits.push(point);
    risen
}

#[cfg(test)]
mod tests {
    use argosy_model::ShardTime;

    use super::*;

    fn point(at: u64, value: i64) -> Hit {
        Hit { at: ShardTime(at), value, text: String::new() }
    }

    #[test]
    fn a_rate_is_what_the_counter_rose_by_within_the_window() {
        let mut tally = Tally::default();
        let per = Duration(1_000);
        assert_eq!(rise(&mut tally, point(0, 50), per), 0, "nothing is known before the first value");
        assert_eq!(rise(&mut tally, point(400, 90), per), 40);
        assert_eq!(rise(&mut tally, point(1_000, 95), per), 45);
        assert_eq!(rise(&mut tally, point(1_300, 95), per), 5, "the first value has left the window");
        assert_eq!(rise(&mut tally, point(1_310, 3), per), 0, "a counter that began anew has not risen");
    }

    #[test]
    fn a_counter_that_stands_still_is_two_points_and_its_next_rise_is_seen_whole() {
        let (mut tally, per) = (Tally::default(), Duration(1_000));
        for at in (0..10_000).step_by(100) {
            assert_eq!(rise(&mut tally, point(at, 7), per), 0);
            assert!(tally.hits.len() <= 2, "{:?}", tally.hits);
        }
        assert_eq!(rise(&mut tally, point(10_000, 9), per), 2);
        assert_eq!(rise(&mut tally, point(10_900, 12), per), 5, "the value that it rose from is within the window");
        assert_eq!(rise(&mut tally, point(11_000, 12), per), 3, "and leaves it");
    }

    #[test]
    fn the_points_of_a_rate_are_bounded_however_fast_they_come() {
        let mut tally = Tally::default();
        for at in 0..100_000u32 {
            rise(&mut tally, point(u64::from(at), i64::from(at)), Duration(1_000));
        }
        assert!(tally.hits.len() <= 36, "{}", tally.hits.len());
        assert!(rise(&mut tally, point(100_000, 100_000), Duration(1_000)) >= 960);
    }
}
