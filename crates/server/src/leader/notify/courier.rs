//! One sink's courier: it sends what the outbox owes the sink, and moves the cursor behind what was taken.

use std::sync::Arc;

use argosy_notify::{Kept, Key, Message, Progress, Sink};
use argosy_shard::Command;
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _, OptionFuture};
use futures::stream::FuturesUnordered;
use tokio::time::{Duration, Instant, sleep_until};

use super::Notifier;
use super::post::Said;
use super::window::{Done, Window};
use crate::metrics::names;

/// Least time between two confirmations: what is taken meanwhile costs one entry.
const GATHER: Duration = Duration::from_millis(200);

/// The courier of one sink, under one file of sinks.
pub(super) struct Courier {
    notifier: Arc<Notifier>,
    sink: Arc<Sink>,
    revision: u64,
    window: Window,
}

impl Courier {
    pub(super) fn new(notifier: Arc<Notifier>, kept: &Kept, revision: u64) -> Self {
        let window = Window::new(kept, Instant::now());
        Self { notifier, sink: Arc::clone(&kept.sink), revision, window }
    }

    /// Works until the sinks are set anew or the leadership ends, either of which drops it.
    pub(super) async fn run(mut self) {
        let mut views = self.notifier.committer.replica().watch();
        let mut out: FuturesUnordered<BoxFuture<'static, (Key, Said)>> = FuturesUnordered::new();
        let mut confirming: Option<BoxFuture<'static, (Done, bool)>> = None;
        let mut confirm_at = Instant::now();
        loop {
            let view = views.borrow_and_update().clone();
            let outbox = view.state.outbox();
            let Some(kept) = outbox.sink(&self.sink.name).filter(|_| outbox.revision() == self.revision) else {
                return;
            };
            let now = Instant::now();
            let sender = self.notifier.sender(&view.state, kept.counts.lost);
            let applied = view.state.revision();
            self.window.fill(outbox, kept, applied, now, |delivery| sender.message(&kept.sink, delivery));
            while let Some((key, message)) = self.window.next(now) {
                out.push(self.send(key, message).boxed());
            }
            let owed = self.progress(kept).filter(|_| confirming.is_none());
            if let Some(progress) = owed.clone().filter(|_| confirm_at <= now) {
                confirm_at = now + GATHER;
                confirming = Some(self.confirm(progress).boxed());
            }
            let wake = [self.window.due().filter(|due| *due > now), owed.map(|_| confirm_at)];
            let wake = wake.into_iter().flatten().min();
            tokio::select! {
                // The replica outlives its leadership.
                _ = views.changed() => {}
                Some((key, said)) = out.next() => self.ended(key, &said),
                Some((done, is_in)) = OptionFuture::from(confirming.as_mut()) => {
                    confirming = None;
                    if is_in {
                        self.window.confirmed(&done);
                    }
                }
                Some(()) = OptionFuture::from(wake.map(sleep_until)) => {}
            }
        }
    }

    /// What the log is to be told, if anything has been told or passed over.
    fn progress(&self, kept: &Kept) -> Option<Progress> {
        let (through, done) = (self.window.through(), self.window.done());
        let view = self.notifier.committer.view();
        let passed = view.state.outbox().has_between(kept.cursor, through);
        let is_news = passed || *done != Done::default();
        (through > kept.cursor && is_news).then(|| Progress {
            sink: self.sink.name.clone(),
            revision: self.revision,
            through,
            delivered: done.delivered,
            dead: done.dead,
            dead_letter: done.dead_letter.clone(),
        })
    }

    fn confirm(&self, progress: Progress) -> impl Future<Output = (Done, bool)> + Send + 'static {
        let notifier = Arc::clone(&self.notifier);
        async move {
            let Progress { delivered, dead, ref dead_letter, .. } = progress;
            let done = Done { delivered, dead, dead_letter: dead_letter.clone() };
            let committed = notifier.committer.commit(Command::Notified(vec![progress])).await;
            if let Err(error) = &committed {
                tracing::debug!(shard = notifier.committer.shard(), %error, "what was told was not confirmed; it is tried again");
            }
            (done, committed.is_ok())
        }
    }

    fn send(&self, key: Key, message: Message) -> impl Future<Output = (Key, Said)> + Send + 'static {
        let (notifier, sink) = (Arc::clone(&self.notifier), Arc::clone(&self.sink));
        async move { (key, notifier.post.send(&sink, &message).await) }
    }

    fn ended(&mut self, key: Key, said: &Said) {
        let dead = self.window.done().dead;
        self.window.ended(key, said, Instant::now());
        let given_up = self.window.done().dead > dead;
        let outcome = match said {
            Said::Taken => "taken",
            Said::TurnedDown(_) if given_up => "given_up",
            Said::TurnedDown(_) => "turned_down",
            Said::Away(_) => "away",
        };
        let shard = self.notifier.committer.shard();
        let labels = [("shard", shard.to_owned()), ("sink", self.sink.name.clone()), ("outcome", outcome.to_owned())];
        metrics::counter!(names::NOTIFY_DELIVERIES, &labels).increment(1);
        if given_up {
            let sink = &self.sink.name;
            tracing::error!(
                shard,
                sink,
                index = key.index,
                ?said,
                "ARG-1405: a notification was turned down too often and is given up"
            );
        }
        self.notifier.hear(&self.sink.name, said, self.window.failures());
    }
}
