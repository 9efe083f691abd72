//! What happens in a tiled trace, made moment by moment.
//!
//! Tasks of the trace come in order, so only those whose time may have come are laid out over the tiles; what waits is then no more than
//! what lives, and what arrives within one jitter.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Tiles;

/// Something that a task of a tile does. At one moment departures come first: what frees and asks frees first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Happening {
    /// The moment, milliseconds: the end of its step, so that nothing happens before its time.
    pub at_ms: u64,
    /// Whether it begins to ask, or ceases.
    pub arrives: bool,
    /// The task, by its place in the trace.
    pub task: u32,
    /// The tile.
    pub tile: u32,
    /// When the task arrived, to the millisecond.
    pub arrival_ms: u64,
}

/// Happenings in order.
#[derive(Clone, Debug)]
pub struct Moments {
    step_ms: u64,
    laid_out: usize,
    due: BinaryHeap<Reverse<Happening>>,
}

impl Moments {
    pub(super) fn new(step_ms: u64) -> Self {
        Self { step_ms: step_ms.max(1), laid_out: 0, due: BinaryHeap::new() }
    }

    /// When the next thing happens.
    pub fn next_ms(&mut self, tiles: &Tiles) -> Option<u64> {
        self.lay_out(tiles);
        self.due.peek().map(|Reverse(next)| next.at_ms)
    }

    /// The next thing, if it happens at `at_ms`.
    pub fn next_at(&mut self, tiles: &Tiles, at_ms: u64) -> Option<Happening> {
        if self.next_ms(tiles)? != at_ms {
            return None;
        }
        let Reverse(next) = self.due.pop()?;
        let task = tiles.task(next.task as usize);
        if let (true, Some(lifetime_ms)) = (next.arrives, task.lifetime_ms) {
            let ends_ms = self.moment(next.arrival_ms.saturating_add(lifetime_ms));
            // A task that lives less than a step still asks for one.
            let at_ms = ends_ms.max(next.at_ms + self.step_ms);
            self.due.push(Reverse(Happening { at_ms, arrives: false, ..next }));
        }
        Some(next)
    }

    fn moment(&self, at_ms: u64) -> u64 {
        at_ms.div_ceil(self.step_ms) * self.step_ms
    }

    fn lay_out(&mut self, tiles: &Tiles) {
        while let Some(task) = tiles.trace.tasks.get(self.laid_out) {
            if self.due.peek().is_some_and(|Reverse(next)| next.at_ms < self.moment(task.arrival_ms)) {
                return;
            }
            let number = u32::try_from(self.laid_out).expect("a task has a number");
            for (tile, shift_ms) in tiles.shifts(self.laid_out) {
                let arrival_ms = task.arrival_ms + shift_ms;
                let at_ms = self.moment(arrival_ms);
                self.due.push(Reverse(Happening { at_ms, arrives: true, task: number, tile, arrival_ms }));
            }
            self.laid_out += 1;
        }
    }
}
