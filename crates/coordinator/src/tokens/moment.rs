//! Two clocks for one deadline: that of the book, which never goes back, and that of whoever proposes or asks.
//!
//! The first alone would keep a token open for a year once a leader was a year ahead for one entry; the second alone would open again,
//! under a leader that is behind, what has expired. So a token closes at whichever of its two deadlines comes first.

use serde::{Deserialize, Serialize};

/// A moment, by both clocks; seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub(super) book_unix_s: u64,
    pub(super) wall_unix_s: u64,
}

/// The first second in which a token is no good any more, by each clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    book_unix_s: u64,
    wall_unix_s: u64,
}

impl Deadline {
    /// So long after a moment.
    pub(super) fn after(from: Moment, lifetime_s: u64) -> Self {
        let at = |unix_s: u64| unix_s.saturating_add(lifetime_s);
        Self { book_unix_s: at(from.book_unix_s), wall_unix_s: at(from.wall_unix_s) }
    }

    /// Whether it was over so many seconds before this moment.
    pub(super) fn is_over_since(&self, now: Moment, seconds: u64) -> bool {
        let over = |end: u64, now: u64| end.saturating_add(seconds) <= now;
        over(self.book_unix_s, now.book_unix_s) || over(self.wall_unix_s, now.wall_unix_s)
    }

    /// What to tell people: the wall clocks of nodes that are right are the ones that theirs agree with.
    pub fn unix_s(&self) -> u64 {
        self.wall_unix_s
    }
}
