//! Counts what an allocator is asked for, and leaves the work to it.
//!
//! Benchmarks must run on the allocator that the binary ships with, and say how often it was called. Crates that do this either know
//! the system's allocator alone or need a nightly compiler. `GlobalAlloc` is an unsafe trait, so this is a crate of its own:
//! every method hands its arguments on as they are.
//!
//! Only benchmarks link it.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts, and passes on.
#[derive(Debug)]
pub struct Counting<A> {
    inner: A,
    calls: AtomicU64,
    allocated: AtomicU64,
    freed: AtomicU64,
}

/// What was counted since the process began. On several threads, a moment's view of each count by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Allocations and reallocations.
    pub calls: u64,
    /// Bytes asked for and not given back: what the allocator adds to each is not in them.
    pub live_bytes: u64,
}

impl<A> Counting<A> {
    /// Counts what is asked of `inner`.
    pub const fn new(inner: A) -> Self {
        Self { inner, calls: AtomicU64::new(0), allocated: AtomicU64::new(0), freed: AtomicU64::new(0) }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        let [calls, allocated, freed] = [&self.calls, &self.allocated, &self.freed].map(|n| n.load(Ordering::Relaxed));
        Counts { calls, live_bytes: allocated.saturating_sub(freed) }
    }

    fn count(&self, calls: u64, allocated: usize, freed: usize) {
        self.calls.fetch_add(calls, Ordering::Relaxed);
        self.allocated.fetch_add(allocated as u64, Ordering::Relaxed);
        self.freed.fetch_add(freed as u64, Ordering::Relaxed);
    }
}

// SAFETY: every call is passed on to an allocator that keeps the trait's contract, with the caller's own arguments; counting
// neither allocates nor panics.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(1, layout.size(), 0);
        // SAFETY: the caller's promise about `layout` is the one that `inner` asks for.
        unsafe { self.inner.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count(1, layout.size(), 0);
        // SAFETY: as above.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.count(0, 0, layout.size());
        // SAFETY: `block` came from `inner` by way of this allocator, with this layout.
        unsafe { self.inner.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count(1, size, layout.size());
        // SAFETY: as above, and the caller's promise about `size` is the one that `inner` asks for.
        unsafe { self.inner.realloc(block, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::System;

    use super::*;

    #[test]
    fn what_is_given_back_is_no_longer_live() {
        let counting = Counting::new(System);
        let (small, large) = (Layout::new::<u64>(), Layout::new::<[u64; 4]>());
        // SAFETY: the layouts are not empty, and every block is freed once with the layout that it has by then.
        unsafe {
            let block = counting.alloc(small);
            let block = counting.realloc(block, small, large.size());
            assert_eq!(counting.counts(), Counts { calls: 2, live_bytes: 32 });
            counting.dealloc(block, large);
        }
        assert_eq!(counting.counts(), Counts { calls: 2, live_bytes: 0 });
    }
}
