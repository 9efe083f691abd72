//! What there is to do: operations with an attempt that this leader has not made yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argosy_model::ShardTime;
use argosy_shard::{Call, Event, OperationId};
use tokio::sync::Notify;

use crate::plant::{Bug, planted};
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
    /// The last attempt made of each operation. The log may not know yet what came of it, and so show it as open still.
    made: BTreeMap<OperationId, u32>,
}

/// Attempts that are remembered before those of operations that are over are looked for.
const REMEMBERED: usize = 1_024;

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
        if planted(Bug::SlowestFirst) && !self.in_hand.is_empty() {
            return None;
        }
        while let Some((due, id)) = self.later.first().copied().filter(|(due, _)| *due <= now) {
            self.later.remove(&(due, id));
            self.ready.insert(id);
        }
        while let Some(id) = self.ready.pop_first() {
            let Some(call) = view.state.call(id).filter(|call| is_of_term(call, term)) else { continue };
            if self.made.get(&id).is_some_and(|made| *made >= call.attempt) {
                continue;
            }
            if call.not_before > now {
                self.later.insert((call.not_before, id));
                continue;
            }
            match self.in_hand.get_mut(call.machine.as_str()) {
                Some(waiting) => drop(waiting.insert(id)),
                None => {
                    self.in_hand.insert(Arc::from(call.machine.as_str()), BTreeSet::new());
                    self.remember(&call, view);
                    return Some(call);
                }
            }
        }
        None
    }

    /// Notes that an attempt is made. Most operations are over by the time that room is made, and what is open is bounded.
    fn remember(&mut self, call: &Call, view: &View) {
        let ledger = view.state.ledger();
        if self.made.len() >= REMEMBERED.max(2 * ledger.len()) {
            self.made.retain(|id, _| ledger.get(*id).is_some());
        }
        self.made.insert(call.operation, call.attempt);
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
    use argosy_shard::{Command, Envelope};

    use super::*;
    use crate::plant::is_noticed;
    use crate::replica::lone;

    const NOW: ShardTime = ShardTime(1_000);
    /// When an attempt that was opened by then may be made.
    const LATER: ShardTime = ShardTime(1_000_000);

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

    /// The view after the log has opened the next attempt at an operation.
    fn renewed(view: &View, id: OperationId, term: u64) -> View {
        let mut state = view.state.clone();
        let at = ShardTime(state.now().0 + 1);
        let envelope = Envelope { at, proposed_in_term: term, command: Command::Retry(vec![id]) };
        state.apply(state.revision() + 1, term, &envelope.encode());
        View { state, ..view.clone() }
    }

    #[test]
    fn a_call_that_keeps_others_waiting_is_noticed() {
        assert!(is_noticed(Bug::SlowestFirst, a_machine_has_one_call_at_a_time_and_what_waits_for_it_comes_after));
    }

    #[test]
    fn a_machine_has_one_call_at_a_time_and_what_waits_for_it_comes_after() {
        let (view, mut queue) = view(3, 2);
        let first = queue.next(&view, 3, NOW).expect("the oldest operation");
        let view = renewed(&view, first.operation, 3);
        queue.add([first.operation]);
        let second = queue.next(&view, 3, LATER).expect("another machine is free");
        assert_ne!(first.machine, second.machine);
        assert!(queue.next(&view, 3, LATER).is_none(), "two calls on one machine");
        queue.finished(&first.machine);
        let next = queue.next(&view, 3, LATER).map(|call| (call.machine, call.attempt));
        assert_eq!(next, Some((first.machine, first.attempt + 1)));
    }

    /// Found by chaos: an attempt that had been announced twice was made again between the end of its call and the entry that told of it. What
    /// was told was that nothing had been done.
    #[test]
    fn an_attempt_is_made_once_however_often_it_is_announced() {
        let (view, mut queue) = view(3, 1);
        let first = queue.next(&view, 3, NOW).expect("the only operation");
        queue.add([first.operation]);
        assert!(queue.next(&view, 3, NOW).is_none(), "its call is under way");
        queue.finished(&first.machine);
        assert!(queue.next(&view, 3, NOW).is_none(), "the log does not know what came of it");
        queue.add([first.operation]);
        assert!(queue.next(&view, 3, NOW).is_none());
    }

    #[test]
    fn what_was_made_is_forgotten_when_its_operation_is_over() {
        let (view, mut queue) = view(3, 1);
        let of_none = |n| OperationId { index: u64::MAX, ordinal: n };
        queue.made = (0..REMEMBERED).map(|n| (of_none(u32::try_from(n).expect("few")), 1)).collect();
        let only = queue.next(&view, 3, NOW).expect("the only operation");
        assert_eq!(queue.made, BTreeMap::from([(only.operation, only.attempt)]));
    }
}
