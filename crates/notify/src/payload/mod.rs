//! What is sent: one message for one transition, the same bytes for the same transition and sender.

mod argosy;
mod navarch;

pub use navarch::{DrainStatus, drain_status_of};

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::outbox::{Delivery, Key};
use crate::sink::{Format, Sink};

/// Who speaks, and what it takes to say when something happened.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The shard.
    pub shard: &'a str,
    /// Its restore generation: a shard that goes on from a backup does not reuse names.
    pub generation: u32,
    /// What the leader's clock showed when shard time was 0, in milliseconds since 1970.
    pub epoch_unix_ms: i64,
    /// Transitions that this sink will never be told, as a count since it was set.
    pub lost: u64,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its name for ever: the same however often it is sent, and whoever sends it.
    pub id: String,
    /// Where it goes.
    pub url: String,
    /// JSON.
    pub body: String,
}

impl Sender<'_> {
    /// The message for a transition; `None` if the sink's format has no words for it.
    #[must_use]
    pub fn message(&self, sink: &Sink, delivery: &Delivery) -> Option<Message> {
        let url = sink.url_for(&delivery.transition)?.to_owned();
        let id = self.id(delivery.key);
        let body = match sink.format {
            Format::Argosy => argosy::body(self, &id, delivery).to_string(),
            Format::Navarch => navarch::body(self, delivery)?.to_string(),
        };
        Some(Message { id, url, body })
    }

    /// The message that tries a sink: it says of itself that it is one.
    #[must_use]
    pub fn trial(&self, sink: &Sink, nonce: &str, unix_ms: i64) -> Message {
        let id = format!("{}-test-{nonce}", self.name());
        let (url, body) = match sink.format {
            Format::Argosy => (sink.url.clone(), argosy::trial(self, &id, unix_ms).to_string()),
            Format::Navarch => (navarch::trial_url(sink), navarch::trial(unix_ms).to_string()),
        };
        Message { id, url, body }
    }

    /// The name of a transition's message.
    #[must_use]
    pub fn id(&self, key: Key) -> String {
        let mut id = self.name();
        let _ = write!(id, "-{}-{}-{}", self.generation, key.index, key.ordinal);
        id
    }

    /// The shard's name in ids. A dot would end the id in what is signed, and no shard's name has a tilde.
    fn name(&self) -> String {
        self.shard.replace('.', "~")
    }

    fn rfc3339(&self, shard_time_ms: u64) -> String {
        rfc3339(self.epoch_unix_ms.saturating_add(i64::try_from(shard_time_ms).unwrap_or(i64::MAX)))
    }
}

/// A moment as text; what no calendar has is the first moment of it.
fn rfc3339(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}
