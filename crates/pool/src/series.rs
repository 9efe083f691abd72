//! A pool's utilisation over time: one mean over all its machines at each moment. A trend compares moments, never machines.

use std::collections::VecDeque;

use argosy_model::{Duration, ShardTime};

use crate::Percent;

/// Most points that are kept.
pub const MAX_POINTS: usize = 240;

/// Points of one pool's utilisation, oldest first. Soft: a new leader begins with none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    points: VecDeque<(ShardTime, Percent)>,
}

impl Series {
    /// Adds a point. One that is not newer than the last is ignored, so that a repeated message counts once.
    pub fn push(&mut self, at: ShardTime, utilisation: Percent) {
        if self.points.back().is_some_and(|(last, _)| *last >= at) {
            return;
        }
        if self.points.len() == MAX_POINTS {
            self.points.pop_front();
        }
        self.points.push_back((at, utilisation));
    }

    /// The newest point, if it is not older than `stale_after`.
    #[must_use]
    pub fn newest(&self, now: ShardTime, stale_after: Duration) -> Option<Percent> {
        self.points.back().filter(|(at, _)| now.since(*at) <= stale_after).map(|(_, utilisation)| *utilisation)
    }

    /// The newest `count` points, oldest first, if there are that many without a gap longer than `stale_after` between
    /// two of them or since the last.
    pub fn last(&self, count: usize, now: ShardTime, stale_after: Duration) -> Option<Vec<Percent>> {
        let from = self.points.len().checked_sub(count)?;
        let window: Vec<_> = self.points.range(from..).copied().collect();
        let next = window.iter().map(|(at, _)| *at).skip(1).chain([now]);
        let gapless = window.iter().zip(next).all(|((at, _), next)| next.since(*at) <= stale_after);
        gapless.then(|| window.into_iter().map(|(_, utilisation)| utilisation).collect())
    }

    /// How many points there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALE: Duration = Duration(1_000);

    fn series(points: &[(u64, u32)]) -> Series {
        let mut series = Series::default();
        points.iter().for_each(|(at, percent)| series.push(ShardTime(*at), Percent::whole(*percent)));
        series
    }

    #[test]
    fn a_stale_point_is_no_point() {
        let series = series(&[(0, 40), (500, 85)]);
        assert_eq!(series.newest(ShardTime(1_500), STALE), Some(Percent::whole(85)));
        assert_eq!(series.newest(ShardTime(1_501), STALE), None);
    }

    #[test]
    fn a_window_with_a_gap_is_no_window() {
        let whole = series(&[(0, 10), (1_000, 20), (2_000, 30)]);
        assert_eq!(whole.last(3, ShardTime(2_000), STALE), Some([10, 20, 30].map(Percent::whole).to_vec()));
        assert_eq!(whole.last(4, ShardTime(2_000), STALE), None);
        assert_eq!(whole.last(3, ShardTime(3_001), STALE), None);
        assert_eq!(series(&[(0, 10), (1_500, 20)]).last(2, ShardTime(1_500), STALE), None);
    }

    #[test]
    fn it_is_bounded_and_a_repeated_point_counts_once() {
        let mut series = series(&[(5, 10), (5, 90), (4, 90)]);
        assert_eq!((series.len(), series.newest(ShardTime(5), STALE)), (1, Some(Percent::whole(10))));
        (10..1_000).for_each(|at| series.push(ShardTime(at), Percent::ZERO));
        assert_eq!(series.len(), MAX_POINTS);
    }
}
