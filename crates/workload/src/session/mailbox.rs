//! What a session has to tell, waiting to be read: bounded, and an update replaces an unread one of the same key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use argosy_proto::bigfleet::v1alpha1::{AvailableCapacityUpdate, NodeStateUpdate, ReclaimInstruction};
use tokio::sync::Notify;

/// Something that happened in a session.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionEvent {
    /// The shard acknowledged the greeting: the session is up. `again` is true after a reconnection.
    Greeted(Greeting),
    /// The shard acknowledged the roll-up with this timestamp.
    RollupAcked {
        /// The roll-up's own timestamp.
        timestamp_unix_nanos: i64,
    },
    /// A machine of the cluster changed its state.
    NodeState(Box<NodeStateUpdate>),
    /// What capacity a profile could get.
    Available(Box<AvailableCapacityUpdate>),
    /// Nodes are to be given back; the cluster side has been asked.
    Reclaim(ReclaimInstruction),
    /// The connection ended or never came about; the session tries again.
    Disconnected {
        /// The address.
        address: String,
        /// Why, for people.
        reason: String,
        /// When it tries again, in milliseconds.
        retry_in_ms: u64,
    },
}

/// An acknowledged greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The address that answered.
    pub address: String,
    /// Whether the session was up before.
    pub again: bool,
    /// The shard's epoch, as told.
    pub shard_epoch: i64,
    /// The coordinator's term, as told.
    pub coordinator_term: i64,
}

/// The reading end of a session's mailbox.
#[derive(Clone, Debug)]
pub struct Events(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    mailbox: Mutex<Mailbox>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Mailbox {
    events: BTreeMap<u64, (Option<String>, SessionEvent)>,
    by_key: BTreeMap<String, u64>,
    next: u64,
    depth: usize,
    dropped: u64,
    closed: bool,
}

impl Events {
    pub(super) fn new(depth: usize) -> Self {
        let mailbox = Mailbox { depth: depth.max(1), ..Mailbox::default() };
        Self(Arc::new(Shared { mailbox: Mutex::new(mailbox), filled: Notify::new() }))
    }

    /// The oldest unread event; waits for one. `None` once the session has ended and everything is read.
    pub async fn next(&self) -> Option<SessionEvent> {
        loop {
            let filled = self.0.filled.notified();
            let closed = {
                let mut mailbox = self.lock();
                if let Some(event) = mailbox.take() {
                    return Some(event);
                }
                mailbox.closed
            };
            if closed {
                // Another reader may wait too.
                self.0.filled.notify_one();
                return None;
            }
            filled.await;
        }
    }

    /// The oldest unread event, if there is one.
    pub fn try_next(&self) -> Option<SessionEvent> {
        self.lock().take()
    }

    pub(super) fn put(&self, event: SessionEvent) {
        self.lock().put(event);
        self.0.filled.notify_one();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.filled.notify_one();
    }

    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Mailbox> {
        self.0.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    fn put(&mut self, event: SessionEvent) {
        let key = key_of(&event);
        if let Some(superseded) = key.as_ref().and_then(|key| self.by_key.remove(key)) {
            self.events.remove(&superseded);
        }
        if self.events.len() >= self.depth {
            self.take();
            self.dropped += 1;
        }
        if let Some(key) = &key {
            self.by_key.insert(key.clone(), self.next);
        }
        self.events.insert(self.next, (key, event));
        self.next += 1;
    }

    fn take(&mut self) -> Option<SessionEvent> {
        let (_, (key, event)) = self.events.pop_first()?;
        if let Some(key) = key {
            self.by_key.remove(&key);
        }
        Some(event)
    }
}

/// The key under which a later event replaces this one.
fn key_of(event: &SessionEvent) -> Option<String> {
    let key = match event {
        SessionEvent::NodeState(update) => &update.supersedes_key,
        SessionEvent::Available(update) => &update.supersedes_key,
        _ => return None,
    };
    (!key.is_empty()).then(|| key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(machine: &str, state: i32) -> SessionEvent {
        let supersedes_key = format!("node:{machine}");
        let machine_id = machine.to_owned();
        SessionEvent::NodeState(Box::new(NodeStateUpdate { supersedes_key, machine_id, state, ..Default::default() }))
    }

    #[test]
    fn a_newer_state_of_a_machine_replaces_the_unread_one() {
        let events = Events::new(10);
        for event in [node("a", 4), node("b", 4), node("a", 5)] {
            events.put(event);
        }
        assert_eq!(events.try_next(), Some(node("b", 4)));
        assert_eq!(events.try_next(), Some(node("a", 5)));
        assert_eq!((events.try_next(), events.dropped()), (None, 0));
    }

    #[test]
    fn a_full_mailbox_drops_the_oldest_and_counts_it() {
        let events = Events::new(2);
        for machine in ["a", "b", "c"] {
            events.put(node(machine, 5));
        }
        assert_eq!((events.dropped(), events.try_next()), (1, Some(node("b", 5))));
    }
}
