//! What is to happen in a cluster, in order of time and, within one instant, in the order it was planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// An object of the ramp starts.
    Start {
        object: u64,
    },
    /// An object of a short-lived archetype arrives.
    Arrive {
        archetype: usize,
    },
    /// An object reaches the end of its life.
    Expire {
        object: u64,
    },
    /// A second of churn is due.
    Churn,
    /// A burst of the course starts or ends.
    BurstStart {
        burst: usize,
    },
    BurstEnd {
        burst: usize,
    },
    /// A step of the course.
    Step {
        step: usize,
    },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<(u64, u64, Event)>>,
    planned: u64,
}

impl Agenda {
    pub(super) fn plan(&mut self, at_ms: u64, event: Event) {
        self.heap.push(Reverse((at_ms, self.planned, event)));
        self.planned += 1;
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at_ms, _, _))| *at_ms)
    }

    /// The next event that is due at `now_ms`.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<(u64, Event)> {
        if self.next_ms()? > now_ms {
            return None;
        }
        self.heap.pop().map(|Reverse((at_ms, _, event))| (at_ms, event))
    }
}
