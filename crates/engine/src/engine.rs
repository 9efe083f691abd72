//! The engine: decide with a memory. It gives the plan that [`crate::decide`] gives for the same view, byte for byte, at a
//! cost that follows what has changed since the view before.
//!
//! The memory is a leader's soft state: it is derived from the views alone, is in no log and no snapshot, and an engine
//! that starts without one gives the same answers (docs/adr/0055-an-engine-that-remembers.md).

use std::sync::Arc;

use argosy_model::ShardTime;

use crate::cycle::{Cycle, editions};
use crate::{Decision, View};

/// Decides for one shard, cycle after cycle.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    last: Option<Last>,
}

/// The last cycle: its tables, and what it came to.
#[derive(Clone, Debug)]
struct Last {
    cycle: Box<Cycle>,
    /// The first moment at which the same state may lead to something else.
    until: ShardTime,
    decision: Arc<Decision>,
}

impl Engine {
    /// An engine without a memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides what to do. The views may be of any state, in any order: where one does not follow from the one before,
    /// everything is decided anew.
    pub fn decide(&mut self, view: &View<'_>) -> Arc<Decision> {
        match self.last.as_ref().filter(|last| last.holds(view)) {
            Some(last) => Arc::clone(&last.decision),
            None => self.decide_anew(view),
        }
    }

    /// Apart from the look at whether anything has changed at all, so that an idle cycle is no more than that.
    #[inline(never)]
    fn decide_anew(&mut self, view: &View<'_>) -> Arc<Decision> {
        // Taken out while it is at work: tables that a panic leaves behind are not to be trusted.
        let kept = self.last.take().and_then(|last| {
            let mut cycle = last.cycle;
            cycle.follow(view).then_some(cycle)
        });
        let mut cycle = kept.unwrap_or_else(|| Box::new(Cycle::new(view)));
        let decision = Arc::new(cycle.run());
        let until = cycle.next_moment(&decision);
        cycle.view.let_go();
        self.last = Some(Last { cycle, until, decision: Arc::clone(&decision) });
        decision
    }
}

impl Last {
    /// Whether the view leads to the same decision again: nothing was written, and no moment has passed that anything waits
    /// for.
    fn holds(&self, view: &View<'_>) -> bool {
        let seen = &self.cycle.view;
        (seen.now..self.until.max(seen.now.next())).contains(&view.now)
            && seen.editions == editions(view)
            && seen.policy == *view.policy
            && seen.consolidation.as_ref() == view.consolidation
            && seen.caps == view.caps
    }
}
