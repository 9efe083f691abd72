//! The calendar of a world: what its processes are shown when they ask for the date. Nothing decides by it, and this shows that nothing does.

use std::time::Duration;

/// When a world begins, for those who read a calendar: long ago, and always the same.
pub(super) const EPOCH: Duration = Duration::from_secs(1_700_000_000);
/// One world in which the date jumps back spends as much time before the jump as after it.
const STROBE: Duration = Duration::from_secs(1);

/// How far the calendar is off, and how that changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Calendar {
    /// By so much it is off, in microseconds.
    off_us: i64,
    /// It drifts by so many parts per million, since a moment.
    drift: (i64, Duration),
    strobe_s: Option<i64>,
    /// It stands still since a moment.
    frozen: Option<Duration>,
}

impl Calendar {
    /// It is off by so many seconds more.
    pub(super) fn jump(&mut self, by_s: i64) {
        self.off_us = self.off_us.saturating_add(by_s.saturating_mul(1_000_000));
    }

    /// From now on it drifts by so much; 0 for not at all. What it has drifted so far stays.
    pub(super) fn drift(&mut self, ppm: i64, now: Duration) {
        self.off_us = self.off_us.saturating_add(self.drifted(now));
        self.drift = (ppm, now);
    }

    /// It jumps forth and back by so many seconds, or not.
    pub(super) fn strobe(&mut self, by_s: Option<i64>) {
        self.strobe_s = by_s;
    }

    /// It stands still.
    pub(super) fn freeze(&mut self, now: Duration) {
        self.frozen.get_or_insert(now);
    }

    /// It goes on where it stood.
    pub(super) fn thaw(&mut self, now: Duration) {
        if let Some(since) = self.frozen.take() {
            self.off_us = self.off_us.saturating_sub(us(now - since));
        }
    }

    /// The time since 1970 that it shows.
    pub(super) fn shows(&self, now: Duration) -> Duration {
        let now = self.frozen.unwrap_or(now);
        let odd = (now.as_secs() / STROBE.as_secs()) % 2 == 1;
        let strobe_us = self.strobe_s.filter(|_| odd).unwrap_or(0).saturating_mul(1_000_000);
        let off = self.off_us.saturating_add(self.drifted(now)).saturating_add(strobe_us);
        let (right, by) = (EPOCH + now, Duration::from_micros(off.unsigned_abs()));
        if off < 0 { right.saturating_sub(by) } else { right + by }
    }

    fn drifted(&self, now: Duration) -> i64 {
        let (ppm, since) = self.drift;
        us(now.saturating_sub(since)).saturating_mul(ppm) / 1_000_000
    }
}

fn us(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn it_jumps_drifts_and_keeps_what_it_has_drifted() {
        let mut calendar = Calendar::default();
        assert_eq!(calendar.shows(S(10)), EPOCH + S(10));
        calendar.jump(-5);
        calendar.drift(200_000, S(10));
        assert_eq!(calendar.shows(S(20)), EPOCH + S(17));
        calendar.drift(0, S(20));
        assert_eq!(calendar.shows(S(30)), EPOCH + S(27));
    }

    #[test]
    fn it_stands_still_and_goes_on_where_it_stood() {
        let mut calendar = Calendar::default();
        calendar.freeze(S(10));
        assert_eq!(calendar.shows(S(40)), EPOCH + S(10));
        calendar.thaw(S(40));
        assert_eq!(calendar.shows(S(41)), EPOCH + S(11));
    }

    #[test]
    fn it_jumps_forth_and_back() {
        let mut calendar = Calendar::default();
        calendar.strobe(Some(60));
        assert_eq!([2, 3, 4].map(|s| calendar.shows(S(s)) - EPOCH), [S(2), S(63), S(4)]);
    }
}
