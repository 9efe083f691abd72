//! What there is to do: operations with an attempt that this leader has not made yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argosy_model::ShardTime;
use argosy_shard::{Call, Event, OperationId};
use tokio::sync::Notify;

use crate::replica::{Folded, Listener, View};

/// Operations of which an attempt has been committed; filled by the fold.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    opened: Mutex<BTreeSet<OperationId>>,
    filled: Notify,
}

impl Arrivals {
    /// Adds operations by hand.
    pub(super) fn add(&self, ids: impl IntoIterator<Item = OperationId>) {
        self.lock().extend(ids);
        self.filled.notify_one();
    }

    /// Takes what has come.
    pub(super) fn take(&self) -> BTreeSet<OperationId> {
        std::mem::take(&mut self.lock())
    }

    /// Returns when something has come since the last take.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<OperationId>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Arrivals {
    fn folded(&self, _: &View, events: &[Folded]) {
        let opened = events.iter().filter_map(|folded| match folded.event {
            Event::OperationOpened(id) | Event::AttemptOpened(id) => Some(id),
            _ => None,
        });
        let mut opened = opened.peekable();
        if opened.peek().is_some() {
            self.lock().extend(opened);
            self.filled.notify_one();
        }
    }
}

/// The order of work: oldest operation first, each attempt once and not before its time, one call at a time on a machine.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: BTreeSet<OperationId>,
    later: BTreeSet<(ShardTime, OperationId)>,
    /// Machines with a call in hand, each with the operations that wait for it.
    in_hand: BTreeMap<Arc<str>, BTreeSet<OperationId>>,
}

impl Queue {
    /// Adds operations.
    pub(super) fn add(&mut self, ids: impl IntoIterator<Item = OperationId>) {
        self.ready.extend(ids);
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.later.len()
    }

    /// The next call of this leadership that may be made now. Its machine stays in hand until [`Queue::finished`].
    ///
    /// Architecture invariant: a call comes from the committed state alone, with the fence of an attempt that was
    /// committed in the term of this leadership. An attempt of another term is another leader's to make.
    pub(super) fn next(&mut self, view: &View, term: u64, now: ShardTime) -> Option<Call> {
        while let Some((due, id)) = self.later.first().copied().filter(|(due, _)| *due <= now) {
            self.later.remove(&(due, id));
            self.ready.insert(id);
        }
        while let Some(id) = self.ready.pop_first() {
            let Some(call) = view.state.call(id).filter(|call| is_of_term(call, term)) else { continue };
            if call.not_before > now {
                self.later.insert((call.not_before, id));
                continue;
            }
            match self.in_hand.get_mut(call.machine.as_str()) {
                Some(waiting) => drop(waiting.insert(id)),
                None => {
                    self.in_hand.insert(Arc::from(call.machine.as_str()), BTreeSet::new());
                    return Some(call);
                }
            }
        }
        None
    }

    /// A call on this machine has ended.
    pub(super) fn finished(&mut self, machine: &str) {
        if let Some(waiting) = self.in_hand.remove(machine) {
            self.ready.extend(waiting);
        }
    }

    /// When the next attempt may be made that has to wait.
    pub(super) fn next_due(&self) -> Option<ShardTime> {
        self.later.first().map(|(due, _)| *due)
    }
}

/// Whether the attempt behind a call was committed in `term`: the lower half of a fence's epoch.
pub(super) fn is_of_term(call: &Call, term: u64) -> bool {
    call.fence.epoch & u64::from(u32::MAX) == term
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::lone;

    const NOW: ShardTime = ShardTime(1_000);

    fn view(term: u64, machines: usize) -> (View, Queue) {
        let state = lone::with_operations(term, machines);
        let mut queue = Queue::default();
        queue.add(state.ledger().iter().map(|operation| operation.id));
        (View { state, term, ..View::default() }, queue)
    }

    #[test]
    fn only_an_attempt_committed_in_this_leadership_s_term_is_made() {
        let (of_three, mut queue) = view(3, 1);
        assert!(queue.next(&of_three, 4, NOW).is_none(), "made an attempt of an earlier leader");
        let (of_three, mut queue) = view(3, 1);
        assert!(queue.next(&of_three, 3, NOW).is_some());
    }

    #[test]
    fn what_is_not_in_the_committed_state_is_not_made() {
        let (view, mut queue) = view(3, 1);
        let id = view.state.ledger().iter().next().expect("one").id;
        let other = OperationId { ordinal: id.ordinal + 1, ..id };
        queue.ready = [other].into();
        assert!(queue.next(&view, 3, NOW).is_none());
    }

    #[test]
    fn a_machine_has_one_call_at_a_time_and_what_waits_for_it_comes_after() {
        let (view, mut queue) = view(3, 2);
        let first = queue.next(&view, 3, NOW).expect("the oldest operation");
        queue.add([first.operation]);
        let second = queue.next(&view, 3, NOW).expect("another machine is free");
        assert_ne!(first.machine, second.machine);
        assert!(queue.next(&view, 3, NOW).is_none(), "two calls on one machine");
        queue.finished(&first.machine);
        assert_eq!(queue.next(&view, 3, NOW).map(|call| call.machine), Some(first.machine));
    }
}
