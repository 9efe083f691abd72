//! Notifications at the leader: what the outbox owes is sent, and what was taken is confirmed through the log.
//!
//! Each sink has a courier of its own, so that none waits for another and the leader waits for none. Nothing is remembered here that the
//! state does not have: a new leader sends again what had not been confirmed, under the same ids.
//!
//! Architecture invariant: a cursor moves only behind messages that were taken or given up. The other way round, a leader that dies in
//! between would have told nobody.

mod courier;
mod drain;
mod post;
mod secrets;
mod window;

pub use post::Post;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argosy_notify::{Sender, Sink};
use argosy_shard::ShardState;
use tokio::task::JoinSet;
use tokio::time::{Duration, interval};

use self::courier::Courier;
use self::post::Said;
use super::commit::Committer;
use super::wall_clock;
use crate::metrics::names;

/// How often backlogs are counted.
const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// What a sink's courier last heard, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Why nobody is reached; empty while somebody is.
    pub trouble: String,
    /// What the receiver said when it last turned a message down.
    pub refusal: String,
    /// Requests in a row that brought no answer.
    pub failures: u32,
}

/// The notifications of one leadership.
pub struct Notifier {
    committer: Arc<Committer>,
    post: Arc<Post>,
    heard: Mutex<BTreeMap<String, Heard>>,
}

impl Notifier {
    pub(super) fn new(committer: Arc<Committer>, post: Arc<Post>) -> Arc<Self> {
        Arc::new(Self { committer, post, heard: Mutex::default() })
    }

    /// What a sink's courier last heard.
    #[must_use]
    pub fn heard(&self, sink: &str) -> Heard {
        self.lock().get(sink).cloned().unwrap_or_default()
    }

    /// Sends a message to a sink that says of itself that it is a trial, past its queue.
    ///
    /// # Errors
    /// What the receiver said, or why it was not reached.
    pub async fn try_sink(&self, sink: &Sink, nonce: &str) -> Result<(), String> {
        let view = self.committer.view();
        let message = self.sender(&view.state, 0).trial(sink, nonce, wall_clock().unix_ms());
        match self.post.send(sink, &message).await {
            Said::Taken => Ok(()),
            Said::TurnedDown(why) | Said::Away(why) => Err(why),
        }
    }

    /// Who speaks in messages.
    fn sender<'a>(&'a self, state: &ShardState, lost: u64) -> Sender<'a> {
        let now = i64::try_from(self.committer.clock().now().0).unwrap_or(i64::MAX);
        let epoch_unix_ms = wall_clock().unix_ms().saturating_sub(now);
        Sender { shard: self.committer.shard(), generation: state.generation(), epoch_unix_ms, lost }
    }

    /// Runs until the leadership ends, which drops it: one courier for each sink, and others when the sinks are set anew.
    pub(super) async fn run(self: Arc<Self>) {
        let mut views = self.committer.replica().watch();
        let mut couriers = JoinSet::new();
        let mut revision = 0;
        let mut measuring = interval(MEASURE_EVERY);
        loop {
            let view = views.borrow_and_update().clone();
            let outbox = view.state.outbox();
            if outbox.revision() != revision {
                couriers.shutdown().await;
                revision = outbox.revision();
                self.lock().clear();
                for kept in outbox.sinks() {
                    couriers.spawn(Courier::new(Arc::clone(&self), kept, revision).run());
                }
            }
            tokio::select! {
                // The replica outlives its leadership.
                _ = views.changed() => {}
                _ = measuring.tick() => self.measure(&view.state),
            }
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn measure(&self, state: &ShardState) {
        let backlog = state.outbox().backlog();
        for kept in state.outbox().sinks() {
            let name = kept.sink.name.as_str();
            let labels = || [("shard", self.committer.shard().to_owned()), ("sink", name.to_owned())];
            metrics::gauge!(names::NOTIFY_PENDING, &labels()).set(backlog.get(name).copied().unwrap_or(0) as f64);
            metrics::gauge!(names::NOTIFY_DEAD, &labels()).set(kept.counts.dead as f64);
            metrics::gauge!(names::NOTIFY_LOST, &labels()).set(kept.counts.lost as f64);
        }
    }

    fn hear(&self, sink: &str, said: &Said, failures: u32) {
        let (mut all, shard) = (self.lock(), self.committer.shard());
        let heard = all.entry(sink.to_owned()).or_default();
        heard.failures = failures;
        match said {
            Said::Away(why) => {
                if heard.trouble.is_empty() {
                    tracing::warn!(
                        shard,
                        sink,
                        why,
                        "ARG-1404: a sink is not reached; its notifications wait in the outbox"
                    );
                }
                heard.trouble.clone_from(why);
            }
            Said::Taken | Said::TurnedDown(_) if !heard.trouble.is_empty() => {
                tracing::info!(shard, sink, "a sink is reached again");
                heard.trouble.clear();
            }
            Said::Taken | Said::TurnedDown(_) => {}
        }
        if let Said::TurnedDown(why) = said {
            heard.refusal.clone_from(why);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
