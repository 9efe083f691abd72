//! Looks at the fleet all the while: the invariants of `argosy up`, and the timeline of the page.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argosy_localfleet::{Blueprint, Clients, Picture, Watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::recorder::Recorder;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What was seen, and when. Shared by the observer and the plays.
#[derive(Debug)]
pub(crate) struct Log {
    began: Instant,
    recorder: Mutex<Recorder>,
}

impl Log {
    /// A log of a fleet, that begins at `began`.
    pub(crate) fn new(began: Instant, blueprint: &Blueprint) -> Self {
        let nodes = blueprint.nodes.iter().map(|node| node.id.clone()).collect();
        let shards = blueprint.shards.iter().map(|shard| shard.id.clone()).collect();
        Self { began, recorder: Mutex::new(Recorder::new(nodes, shards)) }
    }

    /// Since it began.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Notes something.
    pub(crate) fn note<T>(&self, note: impl FnOnce(&mut Recorder, Duration) -> T) -> T {
        note(&mut self.recorder.lock().unwrap_or_else(PoisonError::into_inner), self.began.elapsed())
    }

    /// A copy of what was noted.
    pub(crate) fn recorder(&self) -> Recorder {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Looks until it is aborted.
pub(crate) async fn observe(
    blueprint: Blueprint,
    clients: Clients,
    watch: Arc<tokio::sync::Mutex<Watch>>,
    log: Arc<Log>,
) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut watch = watch.lock().await;
        let picture = if watch.wants_hashes() {
            Picture::with_hashes(&blueprint, &clients).await
        } else {
            Picture::take(&blueprint, &clients).await
        };
        let known = watch.invariants().violations().len();
        watch.look(&picture).await;
        log.note(|recorder, now| {
            recorder.look(now, &picture);
            for violation in &watch.invariants().violations()[known..] {
                recorder.broken(now, violation.rule, &violation.evidence);
            }
        });
    }
}
