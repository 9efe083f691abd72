//! The engine: decide with a memory. It gives the plan that [`crate::decide`] gives for the same view, byte for byte, at a
//! cost that follows what has changed since the view before.
//!
//! The memory is a leader's soft state: it is derived from the views alone, is in no log and no snapshot, and an engine
//! that starts without one gives the same answers (docs/adr/0055-an-engine-that-remembers.md).

use std::sync::Arc;

use argosy_model::stamp::Stamp;
use argosy_model::{Edition, ShardTime};

use crate::cycle::Cycle;
use crate::{Decision, Policy, View};

/// Decides for one shard, cycle after cycle.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    last: Option<Last>,
}

/// The last cycle: what it looked at, and what it came to.
#[derive(Clone, Debug)]
struct Last {
    seen: Seen,
    at: ShardTime,
    /// The first moment at which the same state may lead to something else.
    until: ShardTime,
    decision: Arc<Decision>,
}

/// All that a decision depends on, time left aside.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    fleet: Edition,
    demand: Edition,
    words: Stamp,
    policy: Policy,
}

impl Engine {
    /// An engine without a memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides what to do. The views may be of any state, in any order: where one does not follow from the one before,
    /// everything is decided anew.
    pub fn decide(&mut self, view: &View<'_>) -> Arc<Decision> {
        if let Some(last) = self.last.as_ref().filter(|last| last.holds(view)) {
            return Arc::clone(&last.decision);
        }
        let (decision, until) = Cycle::new(*view).run();
        let decision = Arc::new(decision);
        let last = Last { seen: Seen::of(view), at: view.now, until, decision: Arc::clone(&decision) };
        self.last = Some(last);
        decision
    }
}

impl Last {
    /// Whether the view leads to the same decision again: nothing was written, and no moment has passed that anything waits
    /// for.
    fn holds(&self, view: &View<'_>) -> bool {
        (self.at..self.until.max(self.at.next())).contains(&view.now) && self.seen.is(view)
    }
}

impl Seen {
    fn of(view: &View<'_>) -> Self {
        Self {
            fleet: view.fleet.edition(),
            demand: view.demand.edition(),
            words: view.fleet.words.stamp(),
            policy: view.policy.clone(),
        }
    }

    fn is(&self, view: &View<'_>) -> bool {
        self.fleet == view.fleet.edition()
            && self.demand == view.demand.edition()
            && self.words == view.fleet.words.stamp()
            && self.policy == *view.policy
    }
}
