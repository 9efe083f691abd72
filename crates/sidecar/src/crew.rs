//! The crew: carries accepted transitions out, one task each, and keeps asking what exists.
//!
//! It tells the backend once and asks it ever after. Between "begun is on disk" and "its end is on disk" a crash may come at
//! any point; the next run then finds the transition begun, and asks.

use std::sync::Arc;
use std::time::Duration;

use argosy_provider::contract::Kind;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Settings;
use crate::backend::{Backend, Outcome, Task};
use crate::book::{Next, Stage};
use crate::desk::Desk;
use crate::error::SidecarError;

/// Between two questions about one transition, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Between two looks at the breakers.
const TEND: Duration = Duration::from_secs(1);

pub(crate) struct Crew {
    desk: Arc<Desk>,
    backend: Arc<dyn Backend>,
    settings: Settings,
    gate: Semaphore,
    /// The book has no clock; this is what its time is counted from.
    started: Instant,
    tasks: TaskTracker,
    /// Nothing new begins.
    stopping: CancellationToken,
    /// What is under way is let go of.
    over: CancellationToken,
}

impl Crew {
    pub(crate) fn new(desk: Arc<Desk>, backend: Arc<dyn Backend>, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            desk,
            backend,
            gate: Semaphore::new(settings.concurrency),
            settings,
            started: Instant::now(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            over: CancellationToken::new(),
        })
    }

    /// Learns what exists, and takes up what an earlier run left.
    pub(crate) async fn begin(self: &Arc<Self>) -> Result<(), SidecarError> {
        self.look().await?.map_err(SidecarError::Inventory)?;
        for id in self.desk.run(|book| book.unfinished()).await? {
            self.carry(id);
        }
        let crew = Arc::clone(self);
        self.spawn(async move { crew.keep_looking().await });
        let crew = Arc::clone(self);
        self.spawn(async move { crew.keep_tending().await });
        Ok(())
    }

    /// Begins nothing new; waits, then lets go.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        if timeout(self.settings.stop_grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "work under way is cut off; the next start asks what became of it");
        }
        self.over.cancel();
        self.tasks.wait().await;
    }

    /// Carries out what is under way on a machine.
    pub(crate) fn carry(self: &Arc<Self>, id: String) {
        let crew = Arc::clone(self);
        self.spawn(async move {
            if let Err(error) = crew.carry_out(&id).await {
                tracing::error!(machine = id, %error, "a transition is not carried on");
            }
        });
    }

    fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let over = self.over.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                () = over.cancelled() => {}
            }
        });
    }

    /// Takes in one inventory.
    async fn look(&self) -> Result<Result<(), String>, SidecarError> {
        let asked = self.desk.run(|book| book.revision()).await?;
        match self.backend.list().await {
            Ok(rows) => Ok(Ok(self.desk.run(move |book| book.observe(rows, asked)).await?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn keep_looking(&self) {
        while self.pause(self.settings.list_every).await {
            match self.look().await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => tracing::warn!(why, "the inventory cannot be had; what was known stands"),
                Err(_broken) => return,
            }
        }
    }

    /// Holds slots back, and lets them go, as time passes.
    async fn keep_tending(&self) {
        loop {
            let now = self.started.elapsed();
            if self.desk.run(move |book| book.tend(now)).await.is_err() || !self.pause(TEND).await {
                return;
            }
        }
    }

    /// False when the crew is to stop.
    async fn pause(&self, pause: Duration) -> bool {
        tokio::select! {
            () = sleep(pause) => true,
            () = self.stopping.cancelled() => false,
        }
    }

    async fn carry_out(&self, id: &str) -> Result<(), SidecarError> {
        let (began, mut asked) = (Instant::now(), 0);
        loop {
            let name = id.to_owned();
            let Some((stage, task)) = self.desk.run(move |book| book.task(&name)).await? else {
                return self.bring_back(id).await;
            };
            let Some(outcome) = self.advance(stage, task.clone()).await? else { return Ok(()) };
            say(&task, &outcome);
            let (name, taken, now) = (id.to_owned(), outcome.clone(), self.started.elapsed());
            let settled = self.desk.run(move |book| {
                let next = book.settle(&name, taken, now);
                book.tend(now);
                next
            });
            let wait = match settled.await? {
                Next::Ended => return Ok(()),
                Next::Aside => return self.bring_back(id).await,
                Next::Begin(wait) => wait.unwrap_or_else(|| backoff(asked)),
                Next::Ask => backoff(asked),
            };
            let wait = match self.settings.deadline.checked_sub(began.elapsed()) {
                // However long a site asks us to wait, the deadline is looked at in time.
                Some(left) => wait.min(left.max(FIRST_PAUSE)),
                None => {
                    let (name, text) = (id.to_owned(), text(&outcome).to_owned());
                    match self.desk.run(move |book| book.overdue(&name, &text, now)).await? {
                        Next::Aside => return self.bring_back(id).await,
                        Next::Ended | Next::Begin(_) | Next::Ask => wait,
                    }
                }
            };
            asked += 1;
            if !self.pause(wait).await {
                return Ok(());
            }
        }
    }

    /// One step: begin, or ask. `None` when the crew is to stop.
    async fn advance(&self, stage: Stage, task: Task) -> Result<Option<Outcome>, SidecarError> {
        let permit = tokio::select! {
            permit = self.gate.acquire() => permit,
            () = self.stopping.cancelled() => return Ok(None),
        };
        let Ok(permit) = permit else { return Ok(None) };
        let outcome = match stage {
            Stage::Accepted => {
                let id = task.machine.clone();
                self.desk.run(move |book| book.begin(&id)).await?;
                self.backend.begin(task.clone()).await
            }
            Stage::Begun | Stage::Shown => self.backend.resolve(task.clone()).await,
        };
        drop(permit);
        Ok(Some(self.backend.follow(task, outcome).await))
    }

    /// After a while a machine whose transition failed is offered again.
    async fn bring_back(&self, id: &str) -> Result<(), SidecarError> {
        if self.pause(self.settings.recover_after).await {
            let (id, now) = (id.to_owned(), self.started.elapsed());
            let recovered = self.desk.run(move |book| {
                book.recover(&id);
                book.tend(now);
            });
            recovered.await?;
        }
        Ok(())
    }
}

fn backoff(asked: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << asked.min(10)).min(LONGEST_PAUSE)
}

fn text(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Failed(text) | Outcome::Pending(text) | Outcome::Shown(text) | Outcome::Doubt(text) => text,
        Outcome::NotBegun { reason, .. } => reason,
    }
}

fn say(task: &Task, outcome: &Outcome) {
    let Task { key, operation, kind, machine, .. } = task;
    let (verb, text) = (Kind::name(*kind), text(outcome));
    match outcome {
        Outcome::Done(_) => tracing::info!(machine, verb, key, operation, "done"),
        Outcome::Failed(_) => tracing::warn!(machine, verb, key, operation, text, "failed"),
        Outcome::NotBegun { .. } => tracing::info!(machine, verb, key, operation, text, "not begun; it is tried again"),
        Outcome::Pending(_) | Outcome::Shown(_) => tracing::debug!(machine, verb, key, operation, text, "under way"),
        Outcome::Doubt(_) => {
            tracing::warn!(machine, verb, key, operation, text, "in doubt; it is asked for, not repeated")
        }
    }
}
