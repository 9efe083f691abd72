//! What the actuator has in its hands: calls, and drains that wait until their machine's users have been told.
//!
//! A wait may take minutes and does nothing meanwhile, so it is not counted with the calls: however many drains wait, other operations go on.

use std::collections::VecDeque;

use argosy_shard::Call;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::carry::Carried;

/// Everything under way. Dropping it lets go of all of it.
#[derive(Default)]
pub(super) struct Hands<'a> {
    calls: FuturesUnordered<BoxFuture<'a, Carried>>,
    waits: FuturesUnordered<BoxFuture<'a, Call>>,
    /// Drains that wait no longer, in the order in which their waits ended.
    announced: VecDeque<Call>,
}

/// Something that has ended.
pub(super) enum Ended {
    /// A call.
    Call(Carried),
    /// The wait before a drain, which may be called now.
    Wait,
}

impl<'a> Hands<'a> {
    /// Takes up a call.
    pub(super) fn carry(&mut self, call: BoxFuture<'a, Carried>) {
        self.calls.push(call);
    }

    /// Takes up the wait before a drain.
    pub(super) fn wait(&mut self, wait: BoxFuture<'a, Call>) {
        self.waits.push(wait);
    }

    /// A drain that waits no longer.
    pub(super) fn take_announced(&mut self) -> Option<Call> {
        self.announced.pop_front()
    }

    /// How many calls are under way.
    pub(super) fn busy(&self) -> usize {
        self.calls.len()
    }

    /// How many drains wait for the users of their machines.
    pub(super) fn waiting(&self) -> usize {
        self.waits.len()
    }

    /// How many drains wait for a free hand only.
    pub(super) fn announced(&self) -> usize {
        self.announced.len()
    }

    /// What ends next; `None` if nothing is under way. Nothing is lost if it is not awaited to the end.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        tokio::select! {
            biased;
            Some(carried) = self.calls.next() => Some(Ended::Call(carried)),
            Some(call) = self.waits.next() => {
                self.announced.push_back(call);
                Some(Ended::Wait)
            }
            else => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use argosy_model::ShardTime;
    use futures::FutureExt as _;
    use tokio::sync::oneshot;

    use super::super::work::Queue;
    use super::*;
    use crate::replica::{View, lone};

    fn call() -> Call {
        let state = lone::with_operations(3, 1);
        let mut queue = Queue::default();
        queue.add(state.ledger().iter().map(|operation| operation.id));
        queue.next(&View { state, term: 3, ..View::default() }, 3, ShardTime(1_000)).expect("one is open")
    }

    #[test]
    fn a_drain_that_waits_keeps_nobody_busy_and_takes_its_turn_when_its_wait_is_over() {
        let (call, mut hands) = (call(), Hands::default());
        let (told, wait) = oneshot::channel::<Call>();
        hands.wait(wait.map(|call| call.expect("it is told")).boxed());
        assert!(hands.next().now_or_never().is_none());
        assert_eq!((hands.busy(), hands.waiting(), hands.take_announced()), (0, 1, None));
        hands.carry(futures::future::ready(Carried { machine: "m".to_owned(), reports: Vec::new() }).boxed());
        assert_eq!(hands.busy(), 1);
        assert!(matches!(hands.next().now_or_never(), Some(Some(Ended::Call(_)))), "another call goes on meanwhile");
        told.send(call.clone()).expect("it is waited for");
        assert!(matches!(hands.next().now_or_never(), Some(Some(Ended::Wait))));
        assert_eq!((hands.busy(), hands.waiting(), hands.announced()), (0, 0, 1));
        assert_eq!(hands.take_announced(), Some(call));
        assert!(matches!(hands.next().now_or_never(), Some(None)), "nothing is left");
    }
}
