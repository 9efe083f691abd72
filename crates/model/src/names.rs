//! Machine ids: a million short strings in a few large pages, found by a fixed hash.
//!
//! A `String` per machine would cost more than the machine's own record. Here an id costs its bytes, an 8-byte span
//! and an index entry. The hash is FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): fixed, so that replicas agree;
//! collisions only cost a comparison.

use std::sync::Arc;

use imbl::{OrdSet, Vector};

use crate::ids::MachineIx;

/// Bytes after which a page is closed and the next one begun.
const PAGE_BYTES: usize = 16 * 1024;

/// The ids of a shard's machines, by slot. Clones share structure.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pages: Vector<Arc<Vec<u8>>>,
    spans: Vector<Span>,
    index: OrdSet<(u64, u32)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    page: u32,
    start: u16,
    len: u16,
}

impl Names {
    /// Longest id there may be, in bytes.
    pub const MAX_ID_BYTES: usize = 1024;

    /// The slot that holds `id`.
    pub fn find(&self, id: &str) -> Option<MachineIx> {
        let hash = fnv1a(id.as_bytes());
        self.index
            .range((hash, 0)..=(hash, u32::MAX))
            .map(|(_, slot)| MachineIx::from_index(*slot as usize))
            .find(|ix| self.get(*ix) == id)
    }

    /// The id in a slot; empty if the slot is free.
    pub fn get(&self, ix: MachineIx) -> &str {
        let span = self.spans[ix.index()];
        let (start, len) = (usize::from(span.start), usize::from(span.len));
        let bytes = if len == 0 { &[][..] } else { &self.pages[span.page as usize][start..start + len] };
        std::str::from_utf8(bytes).expect("ids are stored from str")
    }

    /// Puts `id` into a slot, which is new or was freed. Panics if the id is empty or over [`Self::MAX_ID_BYTES`], or
    /// the slot is taken: the caller has checked.
    pub fn put(&mut self, ix: MachineIx, id: &str) {
        assert!(!id.is_empty() && id.len() <= Self::MAX_ID_BYTES, "machine id length {}", id.len());
        assert!(ix.index() <= self.spans.len(), "slots are given out in order");
        let fits = self.pages.last().is_some_and(|page| page.len() + id.len() <= PAGE_BYTES);
        if !fits {
            self.pages.push_back(Arc::new(Vec::with_capacity(PAGE_BYTES)));
        }
        let at = self.pages.len() - 1;
        let page = Arc::make_mut(&mut self.pages[at]);
        let as_u16 = |n: usize| u16::try_from(n).expect("a page is shorter than 64 KiB");
        let span = Span {
            page: u32::try_from(at).expect("fewer than 2^32 pages"),
            start: as_u16(page.len()),
            len: as_u16(id.len()),
        };
        page.extend_from_slice(id.as_bytes());
        if ix.index() == self.spans.len() {
            self.spans.push_back(span);
        } else {
            assert_eq!(self.spans[ix.index()].len, 0, "a slot is freed before it is given out again");
            self.spans[ix.index()] = span;
        }
        self.index.insert((fnv1a(id.as_bytes()), raw(ix)));
    }

    /// Makes the next slot exist, free.
    pub fn reserve(&mut self, ix: MachineIx) {
        assert_eq!(ix.index(), self.spans.len(), "slots are given out in order");
        self.spans.push_back(Span::default());
    }

    /// Frees a slot. The bytes stay until the state is next restored from a snapshot.
    pub fn free(&mut self, ix: MachineIx) {
        let hash = fnv1a(self.get(ix).as_bytes());
        self.index.remove(&(hash, raw(ix)));
        self.spans[ix.index()] = Span::default();
    }
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
    fn a_clone_keeps_what_it_saw() {
        let mut names = Names::default();
        names.put(MachineIx::from_index(0), "a");
        let before = names.clone();
        names.free(MachineIx::from_index(0));
        assert_eq!(before.find("a"), Some(MachineIx::from_index(0)));
    }
}
