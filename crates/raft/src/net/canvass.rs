//! Who gives way when two members ask for pre-votes at once.
//!
//! Two followers whose time-outs end less than a round trip apart both find a majority willing, both stand in the same term, and
//! each votes for itself: nobody wins, and both wait again. So a member that is itself asking turns down one with a larger id, once,
//! and of two that ask at once one stands. To refuse a pre-vote is always safe; that it is refused at most once in a while keeps a
//! member that cannot win from standing in the way of one that can.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Timing;

/// What a replica remembers of its own canvass, and of the rival that it turned down.
#[derive(Debug, Default)]
pub(crate) struct Canvass(Mutex<Moments>);

#[derive(Debug, Default)]
struct Moments {
    asked: Option<Instant>,
    refused: Option<Instant>,
}

impl Canvass {
    /// This replica asks for pre-votes.
    pub(crate) fn begin(&self, now: Instant) {
        self.lock().asked = Some(now);
    }

    /// Whether this replica is asking too, and turns down a rival that has no better claim. Notes that it did.
    pub(crate) fn turns_down(&self, now: Instant, timing: &Timing) -> bool {
        let within = |since: Option<Instant>, span: Duration| since.is_some_and(|then| now.duration_since(then) < span);
        let mut moments = self.lock();
        let turns_down = within(moments.asked, timing.heartbeat) && !within(moments.refused, timing.election_max * 4);
        if turns_down {
            moments.refused = Some(now);
        }
        turns_down
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Moments> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_that_asks_turns_a_rival_down_once_in_a_while() {
        let (timing, canvass, start) = (Timing::default(), Canvass::default(), Instant::now());
        assert!(!canvass.turns_down(start, &timing), "it does not ask itself");
        canvass.begin(start);
        assert!(canvass.turns_down(start, &timing));
        canvass.begin(start + timing.election_max);
        assert!(!canvass.turns_down(start + timing.election_max, &timing), "the rival's second try is heard");
        let later = start + timing.election_max * 5;
        canvass.begin(later);
        assert!(canvass.turns_down(later, &timing));
    }

    #[test]
    fn a_canvass_is_over_after_a_heartbeat() {
        let (timing, canvass, start) = (Timing::default(), Canvass::default(), Instant::now());
        canvass.begin(start);
        assert!(!canvass.turns_down(start + timing.heartbeat, &timing));
    }
}
