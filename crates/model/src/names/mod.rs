//! Machine ids: a million short strings in a few large pages, found by a fixed hash.
//!
//! A `String` per machine would cost more than the machine's own record. Here an id costs its bytes, an 8-byte span
//! and an index entry of 8 bytes in a bucket. The hash is FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): fixed, so that replicas agree;
//! collisions only cost a comparison.

mod index;

use std::num::NonZeroU16;
use std::sync::Arc;

use self::index::{Entry, Index};
use crate::column::Column;
use crate::ids::MachineIx;

/// Bytes after which a page is closed and the next one begun.
const PAGE_BYTES: usize = 16 * 1024;

/// The ids of a shard's machines, by slot. Clones share structure.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pages: Column<Arc<String>>,
    spans: Column<Span>,
    index: Index,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    page: u32,
    start: u16,
    len: NonZeroU16,
}

impl Names {
    /// Longest id there may be, in bytes.
    pub const MAX_ID_BYTES: usize = 1024;

    /// The slot that holds `id`.
    pub fn find(&self, id: &str) -> Option<MachineIx> {
        let slots = self.index.candidates(fnv1a(id.as_bytes()));
        slots.map(|slot| MachineIx::from_index(slot as usize)).find(|ix| self.get(*ix) == id)
    }

    /// The slot that holds each of `ids`, as [`Self::find`] says. One look-up waits for memory four times, each time for what
    /// the last one brought; here all ids take a step before any takes the next, so that the processor waits for many at once.
    pub fn find_each<'a>(&self, ids: impl Iterator<Item = &'a str> + Clone) -> Vec<Option<MachineIx>> {
        let hashes: Vec<u64> = ids.clone().map(|id| fnv1a(id.as_bytes())).collect();
        let buckets: Vec<&[Entry]> = hashes.iter().map(|hash| self.index.bucket_of(*hash)).collect();
        let first = |(hash, bucket): (&u64, &[Entry])| index::candidates(bucket, *hash).next();
        let slots: Vec<Option<u32>> = hashes.iter().zip(buckets).map(first).collect();
        let spans: Vec<Option<Span>> =
            slots.iter().map(|slot| slot.and_then(|slot| self.spans.get(slot as usize).copied())).collect();
        let found = |((id, slot), span): ((&str, Option<u32>), Option<Span>)| {
            let is_it = text(&self.pages, span?) == id;
            if is_it { slot.map(|slot| MachineIx::from_index(slot as usize)) } else { self.find(id) }
        };
        ids.zip(slots).zip(spans).map(found).collect()
    }

    /// The id in a slot; empty if the slot is free.
    pub fn get(&self, ix: MachineIx) -> &str {
        self.spans.get(ix.index()).map_or("", |span| text(&self.pages, *span))
    }

    /// Puts `id` into a slot, which is new or was freed. Panics if the id is empty or over [`Self::MAX_ID_BYTES`], or
    /// the slot is taken: the caller has checked.
    pub fn put(&mut self, ix: MachineIx, id: &str) {
        assert!(!id.is_empty() && id.len() <= Self::MAX_ID_BYTES, "machine id length {}", id.len());
        let open = self.pages.len().checked_sub(1);
        let fits = |at: &usize| self.pages.get(*at).is_some_and(|page| page.len() + id.len() <= PAGE_BYTES);
        let at = open.filter(fits).unwrap_or_else(|| {
            let next = self.pages.len();
            self.pages.put(next, Arc::new(String::with_capacity(PAGE_BYTES)));
            next
        });
        let page = Arc::make_mut(self.pages.get_mut(at).expect("the last page is there"));
        let as_u16 = |n: usize| u16::try_from(n).expect("a page is shorter than 64 KiB");
        let span = Span {
            page: u32::try_from(at).expect("fewer than 2^32 pages"),
            start: as_u16(page.len()),
            len: NonZeroU16::new(as_u16(id.len())).expect("an id is not empty"),
        };
        page.push_str(id);
        let before = self.spans.put(ix.index(), span);
        assert!(before.is_none(), "a slot is freed before it is given out again");
        let (pages, spans) = (&self.pages, &self.spans);
        let hash_of = |slot: u32| spans.get(slot as usize).map_or(0, |span| fnv1a(text(pages, *span).as_bytes()));
        self.index.insert(fnv1a(id.as_bytes()), raw(ix), hash_of);
    }

    /// Frees a slot. The bytes stay until the state is next restored from a snapshot.
    pub fn free(&mut self, ix: MachineIx) {
        self.index.remove(fnv1a(self.get(ix).as_bytes()), raw(ix));
        self.spans.remove(ix.index());
    }
}

fn text(pages: &Column<Arc<String>>, span: Span) -> &str {
    let (start, len) = (usize::from(span.start), usize::from(span.len.get()));
    let page = pages.get(span.page as usize).expect("a span lies in a page");
    &page[start..start + len]
}

fn raw(ix: MachineIx) -> u32 {
    u32::try_from(ix.index()).expect("a slot number fits 32 bits")
}

/// FNV-1a, 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_until_its_slot_is_freed_and_the_slot_serves_again() {
        let mut names = Names::default();
        for n in 0..5_000 {
            names.put(MachineIx::from_index(n), &format!("machine-{n}"));
        }
        let ix = MachineIx::from_index(4_321);
        assert_eq!(names.find("machine-4321"), Some(ix));
        names.free(ix);
        assert_eq!((names.find("machine-4321"), names.get(ix)), (None, ""));
        names.put(ix, "another");
        assert_eq!(names.find("another"), Some(ix));
    }

    #[test]
    fn each_of_many_is_found_where_it_is_found_alone() {
        let mut names = Names::default();
        // The upper halves of their hashes are the same, and there is one bucket: the second is found behind the first.
        let twins = ["m-191593", "m-722320"];
        let known: Vec<String> = twins.into_iter().map(str::to_owned).chain((0..9).map(|n| format!("a-{n}"))).collect();
        (0..).zip(&known).for_each(|(at, id)| names.put(MachineIx::from_index(at), id));
        let asked = || known.iter().map(String::as_str).chain(["unknown", ""]).rev();
        let alone: Vec<Option<MachineIx>> = asked().map(|id| names.find(id)).collect();
        assert_eq!(names.find_each(asked()), alone);
        assert_eq!(alone.iter().flatten().count(), known.len());
        names.free(MachineIx::from_index(0));
        assert_eq!(names.find_each(twins.into_iter()), [None, Some(MachineIx::from_index(1))]);
    }

    #[test]
    fn a_clone_keeps_what_it_saw() {
        let mut names = Names::default();
        names.put(MachineIx::from_index(0), "a");
        let before = names.clone();
        names.free(MachineIx::from_index(0));
        assert_eq!(before.find("a"), Some(MachineIx::from_index(0)));
    }
}
