//! From an id's hash to the slots that may have it: linear hashing (Litwin, 1980), so that the table grows by one bucket at
//! a time and no single machine pays for all of them.
//!
//! A bucket is one short unsorted run of hash and slot, in one piece with its count, so that whoever looks for an id waits for it once. It is
//! made anew when it changes. Which bucket an entry is in depends on its hash and the number of buckets
//! only; the order inside does not matter, because whoever asks compares ids.

use std::sync::Arc;

use crate::column::Column;

/// Entries per bucket at which another bucket is added.
const LOAD: usize = 16;

/// Slots by hash. Clones share structure.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    buckets: Column<Arc<[Entry]>>,
    /// How many buckets there are, full or empty.
    spread: usize,
    len: usize,
}

/// The upper half of the hash, and the slot.
pub(super) type Entry = (u32, u32);

impl Index {
    /// The slots whose ids may have this hash.
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        candidates(self.bucket_of(hash), hash)
    }

    /// The bucket of what has this hash.
    pub(super) fn bucket_of(&self, hash: u64) -> &[Entry] {
        self.buckets.get(self.bucket(hash)).map_or(&[][..], |bucket| bucket)
    }

    /// Adds an entry. `hash_of` gives the hash of any slot that is in.
    pub(super) fn insert(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        if self.len >= self.spread * LOAD {
            self.grow(hash_of);
        }
        self.place(self.bucket(hash), (tag_of(hash), slot));
        self.len += 1;
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, hash: u64, slot: u32) {
        let (bucket, gone) = (self.bucket(hash), (tag_of(hash), slot));
        let before = self.bucket_of(hash);
        let rest: Arc<[Entry]> = before.iter().copied().filter(|entry| *entry != gone).collect();
        assert_eq!(rest.len() + 1, before.len(), "an id stands in the index exactly while it stands in its slot");
        if rest.is_empty() {
            self.buckets.remove(bucket)
        } else {
            self.buckets.put(bucket, rest)
        };
        self.len -= 1;
    }

    /// Adds the next bucket, and moves to it what belongs there from the one bucket that it splits.
    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let parent = self.spread - self.level().min(self.spread);
        self.spread += 1;
        let Some(entries) = self.buckets.remove(parent) else {
            return;
        };
        for entry in entries.iter() {
            self.place(self.bucket(hash_of(entry.1)), *entry);
        }
    }

    fn place(&mut self, bucket: usize, entry: Entry) {
        let before = self.buckets.get(bucket).map_or(&[][..], |entries| entries);
        let entries: Arc<[Entry]> = before.iter().copied().chain([entry]).collect();
        self.buckets.put(bucket, entries);
    }

    /// The largest power of two that is not above the number of buckets; the buckets from there on are split-off halves.
    fn level(&self) -> usize {
        1 << self.spread.max(1).ilog2()
    }

    fn bucket(&self, hash: u64) -> usize {
        let low = usize::try_from(hash & u64::from(u32::MAX)).expect("32 bits fit");
        let wide = low % (2 * self.level());
        if wide < self.spread { wide } else { low % self.level() }
    }
}

/// The slots in a bucket whose ids may have this hash.
pub(super) fn candidates(bucket: &[Entry], hash: u64) -> impl Iterator<Item = u32> + '_ {
    bucket.iter().filter(move |(tag, _)| *tag == tag_of(hash)).map(|(_, slot)| *slot)
}

fn tag_of(hash: u64) -> u32 {
    u32::try_from(hash >> 32).expect("32 bits are left")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash that sends many slots to one bucket, and some to the very same hash.
    fn hash_of(slot: u32) -> u64 {
        let mixed = u64::from(slot / 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }

    #[test]
    fn every_entry_is_found_while_the_table_grows_and_after_others_are_gone() {
        let mut index = Index::default();
        for slot in 0..5_000 {
            index.insert(hash_of(slot), slot, hash_of);
            assert!(index.candidates(hash_of(slot / 2)).any(|found| found == slot / 2));
        }
        (0..5_000).filter(|slot| slot % 2 == 0).for_each(|slot| index.remove(hash_of(slot), slot));
        for slot in 0..5_000 {
            assert_eq!(index.candidates(hash_of(slot)).any(|found| found == slot), slot % 2 == 1, "{slot}");
        }
        assert!(index.spread > 300, "it has grown: {}", index.spread);
    }
}
