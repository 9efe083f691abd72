//! Where the events of machines go: the seam to the health runtime.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use argosy_proto::argosy::v1::{AgentInventory, AgentSample, HealthEvent};

/// An event of a machine's agent, as it reached the leader.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenEvent {
    /// Its number in the agent's journal.
    pub sequence: u64,
    /// The boot of the machine during which it was seen.
    pub boot_id: String,
    /// How long ago that was, by the machine's own monotonic clock; `None` for an event of an earlier boot.
    pub age_ms: Option<u64>,
    /// The machine's wall clock then, for people.
    pub unix_ms: i64,
    /// What it is.
    pub event: HealthEvent,
}

/// What [`AgentEvents::take`] returns.
pub type Taking<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Takes the events of a leadership.
pub trait AgentEvents: Send + Sync + 'static {
    /// The last number of a machine's journal that is safe: what the agent may forget. 0 when nothing is known of the journal.
    fn acknowledged(&self, machine: &str, journal: &str) -> u64;

    /// Takes events in the order of their numbers. When this succeeds they are safe, and are acknowledged. An event whose number was
    /// taken before may come again, and must have no effect.
    ///
    /// # Errors
    /// When they are not safe, with the reason; the agent says them again.
    fn take<'a>(&'a self, machine: &'a str, journal: &'a str, events: Vec<SeenEvent>) -> Taking<'a>;

    /// The machine's agent gave a sign of life; it may have said nothing else.
    fn heard(&self, machine: &str);

    /// Takes the numbers of this moment. They are soft: nothing is promised of them.
    fn sampled(&self, machine: &str, sample: &AgentSample);

    /// Takes what a machine consists of.
    fn inventoried(&self, machine: &str, inventory: &AgentInventory);
}

/// Keeps nothing but numbers, for as long as the leadership lasts: what a shard without health policies needs.
#[derive(Debug, Default)]
pub struct SoftEvents {
    last: Mutex<BTreeMap<String, (String, u64)>>,
}

impl AgentEvents for SoftEvents {
    fn acknowledged(&self, machine: &str, journal: &str) -> u64 {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(machine).filter(|(known, _)| known == journal).map_or(0, |(_, sequence)| *sequence)
    }

    fn take<'a>(&'a self, machine: &'a str, journal: &'a str, events: Vec<SeenEvent>) -> Taking<'a> {
        if let Some(newest) = events.last() {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.insert(machine.to_owned(), (journal.to_owned(), newest.sequence));
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn heard(&self, _: &str) {}

    fn sampled(&self, _: &str, _: &AgentSample) {}

    fn inventoried(&self, _: &str, _: &AgentInventory) {}
}
