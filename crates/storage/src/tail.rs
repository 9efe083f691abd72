//! The newest entries of a log, in memory: everything the disk has not accepted yet, and as much more as the budget allows.
//!
//! An entry must be readable as soon as it was appended, while the disk sees it only when the writer gets to it. The tail closes that gap;
//! what it keeps beyond it saves followers and the state machine from reading the disk for what was written a moment ago.

use std::collections::VecDeque;

use argosy_failpoint::{Failpoint, fires};
use bytes::Bytes;

/// Bytes of records that a log keeps in memory although the disk has them.
const BUDGET_BYTES: usize = 4 * 1024 * 1024;

struct Entry {
    record: Bytes,
    /// The write that carries it to the disk.
    sequence: u64,
}

/// Consecutive entries up to the end of the log.
#[derive(Default)]
pub(crate) struct Tail {
    /// Index of the entry at the front; of the next one to come when empty.
    first: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Tail {
    /// An empty tail of a log whose next index is `next`.
    pub(crate) fn empty_at(next: u64) -> Self {
        Self { first: next, ..Self::default() }
    }

    /// The first index that the tail holds; smaller ones are on the disk.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    pub(crate) fn push(&mut self, record: Bytes, sequence: u64) {
        self.bytes += record.len();
        self.entries.push_back(Entry { record, sequence });
    }

    /// The record at an index that is not before [`first`](Self::first).
    pub(crate) fn get(&self, index: u64) -> Option<&Bytes> {
        let offset = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.entries.get(offset).map(|entry| &entry.record)
    }

    /// Drops everything from `next` on.
    pub(crate) fn truncate(&mut self, next: u64) {
        while self.first + self.entries.len() as u64 > next {
            match self.entries.pop_back() {
                Some(entry) => self.bytes -= entry.record.len(),
                None => self.first = next,
            }
        }
    }

    /// Drops everything before `first`.
    pub(crate) fn purge(&mut self, first: u64) {
        while self.first < first {
            match self.entries.pop_front() {
                Some(entry) => {
                    self.bytes -= entry.record.len();
                    self.first += 1;
                }
                None => self.first = first,
            }
        }
    }

    /// Drops the oldest entries that are over the budget and that the disk has.
    pub(crate) fn evict(&mut self, is_written: impl Fn(u64) -> bool) {
        let budget = if fires(Failpoint::TailForgotten) { 0 } else { BUDGET_BYTES };
        while self.bytes > budget {
            match self.entries.front() {
                Some(entry) if is_written(entry.sequence) => self.purge(self.first + 1),
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(indexes: std::ops::Range<u64>, bytes: usize) -> Tail {
        let mut tail = Tail::empty_at(indexes.start);
        for index in indexes {
            tail.push(vec![0; bytes].into(), index);
        }
        tail
    }

    #[test]
    fn what_the_disk_has_not_accepted_is_never_evicted() {
        let mut tail = filled(10..20, BUDGET_BYTES);
        tail.evict(|sequence| sequence < 13);
        assert_eq!(tail.first(), 13);
        tail.evict(|_| true);
        assert_eq!(tail.first(), 19);
        assert!(tail.get(18).is_none());
        assert!(tail.get(19).is_some());
    }

    #[test]
    fn truncation_and_purge_meet_at_any_index() {
        for cut in 0..30 {
            let mut tail = filled(10..20, 1);
            tail.truncate(cut);
            assert!(tail.get(cut).is_none());
            assert_eq!(tail.get(15).is_some(), cut > 15);
            let mut tail = filled(10..20, 1);
            tail.purge(cut);
            assert_eq!(tail.first(), cut.max(10));
            assert_eq!(tail.get(15).is_some(), cut <= 15);
        }
    }
}
