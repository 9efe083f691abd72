//! Journals: what was written lately, for a reader that keeps something derived and wants to follow in proportion to what
//! changed.
//!
//! A journal is memory, not state: it is in no snapshot and no hash, and replicas may differ in how far theirs reach back. A
//! reader remembers the [`Edition`] that it has followed to. Where a journal does not know that edition (it reaches
//! too far back, or belongs to a copy that has taken another course), the reader builds anew.

use std::hash::Hash;

use imbl::Vector;

use crate::stamp::Stamp;

/// How many entries a journal keeps at the least, once it has seen so many; it keeps less than twice as many. Unless it is to
/// reach further.
const REACH: usize = 32 * 1024;

/// Where a reader stands in a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edition {
    written: u64,
    stamp: Stamp,
}

/// The latest entries of a history. Clones share structure.
#[derive(Clone, Debug)]
pub struct Journal<T: Clone> {
    entries: Vector<(T, Stamp)>,
    /// The edition before the first entry.
    from: Edition,
    now: Edition,
    reach: usize,
}

impl<T: Clone> Default for Journal<T> {
    fn default() -> Self {
        Self { entries: Vector::new(), from: Edition::default(), now: Edition::default(), reach: REACH }
    }
}

impl<T: Clone> Journal<T> {
    /// Writes an entry. `content` is all that the write decides; the entry says how to find it.
    pub fn write(&mut self, entry: T, content: &impl Hash) {
        let stamp = self.now.stamp.then(content);
        self.now = Edition { written: self.now.written + 1, stamp };
        self.entries.push_back((entry, stamp));
        if self.entries.len() >= 2 * self.reach {
            let rest = self.entries.split_off(self.reach);
            let (_, stamp) = self.entries.last().expect("the first part is not empty");
            self.from = Edition { written: self.from.written + self.reach as u64, stamp: *stamp };
            self.entries = rest;
        }
    }

    /// From now on keeps so many entries at the least.
    pub fn reach(&mut self, entries: usize) {
        self.reach = self.reach.max(entries);
    }

    /// The edition that the last entry led to.
    pub fn edition(&self) -> Edition {
        self.now
    }

    /// What was written after `edition`, oldest first; `None` if this journal does not know it.
    pub fn since(&self, edition: Edition) -> Option<impl Iterator<Item = &T>> {
        let skip = usize::try_from(edition.written.checked_sub(self.from.written)?).ok()?;
        let stamp = match skip.checked_sub(1) {
            None => self.from.stamp,
            Some(last) => self.entries.get(last)?.1,
        };
        let (from, to) = (skip, self.entries.len());
        (stamp == edition.stamp).then(|| (from..to).map(|at| &self.entries[at].0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(words: impl IntoIterator<Item = u32>) -> Journal<u32> {
        let mut journal = Journal::default();
        words.into_iter().for_each(|word| journal.write(word, &word));
        journal
    }

    fn after(journal: &Journal<u32>, edition: Edition) -> Option<Vec<u32>> {
        Some(journal.since(edition)?.copied().collect())
    }

    #[test]
    fn a_reader_sees_what_was_written_since_it_looked() {
        let mut journal = written([1, 2]);
        let edition = journal.edition();
        assert_eq!(after(&journal, edition), Some(vec![]));
        journal.write(3, &3);
        assert_eq!(after(&journal, edition), Some(vec![3]));
        assert_eq!(after(&journal, Edition::default()), Some(vec![1, 2, 3]));
    }

    #[test]
    fn a_copy_that_took_another_course_is_not_followed() {
        let origin = written([1]);
        let (mut here, mut there) = (origin.clone(), origin.clone());
        here.write(2, &2);
        there.write(3, &3);
        there.write(4, &4);
        assert_eq!(after(&there, here.edition()), None);
        assert_eq!(after(&here, there.edition()), None, "nor one that has not come so far");
        assert_eq!(after(&there, origin.edition()), Some(vec![3, 4]));
    }

    #[test]
    fn a_journal_that_reaches_further_is_followed_for_longer() {
        let mut journal = written([0]);
        let (old, reach) = (journal.edition(), u32::try_from(REACH).expect("small"));
        journal.reach(4 * REACH);
        journal.reach(REACH);
        (1..4 * reach).for_each(|word| journal.write(word, &word));
        assert_eq!(after(&journal, old), Some((1..4 * reach).collect()));
        (0..4 * reach).for_each(|word| journal.write(word, &word));
        assert_eq!(after(&journal, old), None);
        assert!(journal.entries.len() < 8 * REACH);
    }

    #[test]
    fn a_reader_that_has_fallen_behind_is_told() {
        let mut journal = written([0]);
        let (old, reach) = (journal.edition(), u32::try_from(REACH).expect("small"));
        (1..3 * reach).for_each(|word| journal.write(word, &word));
        assert_eq!(after(&journal, old), None);
        assert!(journal.entries.len() < 2 * REACH);
        let recent = written(0..3 * reach - 10).edition();
        assert_eq!(after(&journal, recent), Some((3 * reach - 10..3 * reach).collect()));
    }
}
