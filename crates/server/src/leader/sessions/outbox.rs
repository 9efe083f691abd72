//! What waits to be told to one operator: bounded, and newest-wins by machine and by profile.
//!
//! Acknowledgements, requests and instructions wait in order, up to a limit; beyond it the session ends, for its
//! operator does not read. News of a machine replaces unread news of the same machine, so however slow the operator is
//! it holds one entry a machine and always learns the newest state. News that is read from the state is not even
//! rendered before it is written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argosy_failpoint::{Failpoint, fires};
use argosy_model::MachineIx;
use argosy_proto::bigfleet::v1alpha1::{AvailableCapacityUpdate, NodeStateUpdate};
use tokio::sync::Notify;

use crate::session::{Ended, Frame};

/// News of one machine.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    /// Whatever the state says of it when it is written.
    Current(MachineIx),
    /// It left the cluster: told as it was at that moment, for the state no longer says whose it was.
    Left(Box<NodeStateUpdate>),
}

/// The next thing to write.
#[derive(Debug)]
pub(super) enum Item {
    /// As it stands.
    Frame(Box<Frame>),
    /// To be rendered.
    News(News),
    /// A hint.
    Hint(Box<AvailableCapacityUpdate>),
    /// Nothing more; the session ends.
    End(Ended),
}

/// The outbox of one session.
#[derive(Debug)]
pub(super) struct Outbox {
    limit: usize,
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    /// By machine id.
    news: BTreeMap<Arc<str>, News>,
    /// By `supersedes_key`.
    hints: BTreeMap<String, AvailableCapacityUpdate>,
    end: Option<Ended>,
}

impl Outbox {
    /// An empty outbox that holds up to `limit` frames.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), waiting: Mutex::default(), filled: Notify::new() }
    }

    /// Queues something that must be told in order. Ends the session when too much waits.
    pub(super) fn push(&self, frame: Frame) {
        let mut waiting = self.lock();
        if waiting.end.is_some() {
            return;
        }
        if waiting.frames.len() >= self.limit || fires(Failpoint::SessionTooSlow) {
            waiting.finish(Ended::TooSlow);
        } else {
            waiting.frames.push_back(frame);
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Replaces the unread news of a machine.
    pub(super) fn tell(&self, machine: Arc<str>, news: News) {
        let mut waiting = self.lock();
        if waiting.end.is_none() {
            waiting.news.insert(machine, news);
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Replaces the unread hint of a profile.
    pub(super) fn hint(&self, hint: AvailableCapacityUpdate) {
        let mut waiting = self.lock();
        if waiting.end.is_none() {
            waiting.hints.insert(hint.supersedes_key.clone(), hint);
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Ends the session; what waits is dropped. The first reason stays.
    pub(super) fn end(&self, reason: Ended) {
        self.lock().finish(reason);
        self.filled.notify_one();
    }

    /// The next thing to write; waits for one. For a single reader.
    pub(super) async fn next(&self) -> Item {
        loop {
            let filled = self.filled.notified();
            if let Some(item) = self.lock().take() {
                return item;
            }
            filled.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn finish(&mut self, reason: Ended) {
        if self.end.is_none() {
            *self = Self { end: Some(reason), ..Self::default() };
        }
    }

    fn take(&mut self) -> Option<Item> {
        if let Some(end) = self.end {
            return Some(Item::End(end));
        }
        if let Some(frame) = self.frames.pop_front() {
            return Some(Item::Frame(Box::new(frame)));
        }
        if let Some((_, news)) = self.news.pop_first() {
            return Some(Item::News(news));
        }
        self.hints.pop_first().map(|(_, hint)| Item::Hint(Box::new(hint)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(settled: u64) -> Frame {
        Frame { message: None, settled }
    }

    fn current(machine: usize) -> News {
        News::Current(MachineIx::from_index(machine))
    }

    #[tokio::test]
    async fn news_of_a_machine_replaces_unread_news_and_frames_go_first() {
        let outbox = Outbox::new(4);
        outbox.tell("b".into(), current(1));
        outbox.tell("a".into(), current(0));
        outbox.tell("b".into(), News::Left(Box::default()));
        outbox.push(frame(7));
        assert!(matches!(outbox.next().await, Item::Frame(frame) if frame.settled == 7));
        assert!(matches!(outbox.next().await, Item::News(News::Current(_))));
        assert!(matches!(outbox.next().await, Item::News(News::Left(_))));
        assert!(outbox.lock().take().is_none());
    }

    #[tokio::test]
    async fn a_reader_that_is_too_slow_ends_its_session_and_frees_what_waited() {
        let outbox = Outbox::new(2);
        for number in 0..3 {
            outbox.push(frame(number));
        }
        outbox.tell("a".into(), current(0));
        assert!(matches!(outbox.next().await, Item::End(Ended::TooSlow)));
        let waiting = outbox.lock();
        assert!(waiting.frames.is_empty() && waiting.news.is_empty());
    }

    #[test]
    fn the_first_reason_to_end_stays() {
        let outbox = Outbox::new(2);
        outbox.end(Ended::Replaced);
        outbox.end(Ended::Moved);
        assert_eq!(outbox.lock().end, Some(Ended::Replaced));
    }
}
