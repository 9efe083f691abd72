//! The owner of the simulated fleet: it takes jobs in batches, applies them, makes the batch durable, and only then answers.
//!
//! It is a thread, because the store syncs to disk; inside a simulated world, which has one thread, it is a task. One owner and no lock,
//! so the order of jobs is the order of effects.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::Duration;

use argosy_proto::argosy::v1::Effect;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::error::SimError;
use super::store::Store;
use super::world::World;

/// Jobs that may wait; beyond it callers are throttled.
const QUEUE: usize = 4_096;
/// Jobs that share one sync.
const BATCH: usize = 1_024;
/// In real time the clock is looked at, and stored, at least so often while something is under way.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Work on the fleet; what it returns is run once the work is durable.
type Job = Box<dyn FnOnce(&mut World) -> Reply + Send>;
type Reply = Box<dyn FnOnce() + Send>;

/// Where the fleet stands, for those who wait for it to get somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) now_ms: u64,
    pub(super) effects: u64,
    /// Transitions under way that will end.
    pub(super) pending: u64,
}

/// The way to the owner. It ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    jobs: SyncSender<Job>,
    /// Wakes an owner that is a task.
    called: Option<Arc<Notify>>,
    progress: watch::Receiver<Progress>,
    store: Arc<Store>,
    stopping: CancellationToken,
}

impl Handle {
    /// Runs work on the fleet and returns when it is durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> Result<T, Status> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |world| {
            let value = work(world);
            // A caller that has left needs no answer.
            Box::new(move || drop(answer.send(value)))
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Status::resource_exhausted("the provider has too many calls waiting"),
            TrySendError::Disconnected(_) => stopped(),
        })?;
        if let Some(called) = &self.called {
            called.notify_one();
        }
        answered.await.map_err(|_gone| stopped())
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    pub(super) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// Up to `limit` entries of the ledger after `after_seq`.
    pub(super) async fn effects(&self, after_seq: u64, limit: usize) -> Result<Vec<Effect>, SimError> {
        let store = self.store();
        let read = move || store.effects(after_seq, limit);
        if self.called.is_some() {
            return read();
        }
        tokio::task::spawn_blocking(read).await.map_err(|error| SimError::Store(error.to_string()))?
    }

    /// Ends when the provider is to stop; whoever waits without end waits for this too.
    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }
}

fn stopped() -> Status {
    Status::unavailable("the provider is stopping, or its store has failed; see its log")
}

/// Who runs the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drive {
    /// A thread of its own.
    Thread,
    /// A task on the caller's runtime, which blocks while the store writes.
    Task,
}

/// The owner at work.
#[derive(Debug)]
pub(super) enum Running {
    Thread(std::thread::JoinHandle<Result<(), SimError>>),
    Task(tokio::task::JoinHandle<Result<(), SimError>>),
}

impl Running {
    /// Waits until the owner has ended and everything is stored.
    pub(super) async fn ended(self) -> Result<(), SimError> {
        let panicked = || SimError::Serve("the provider's owner panicked".to_owned());
        match self {
            Self::Task(task) => task.await.map_err(|_panic| panicked())?,
            Self::Thread(thread) => {
                let joined = tokio::task::spawn_blocking(move || thread.join()).await;
                joined.map_err(|error| SimError::Serve(error.to_string()))?.map_err(|_panic| panicked())?
            }
        }
    }
}

/// Starts the owner.
pub(super) fn start(world: World, store: Store, drive: Drive) -> Result<(Handle, Running), SimError> {
    let (jobs, queue) = sync_channel(QUEUE);
    let (progress, watched) = watch::channel(Progress::default());
    let store = Arc::new(store);
    let called = (drive == Drive::Task).then(Arc::default);
    let stopping = CancellationToken::new();
    // Also when the owner panics: whoever waits for the fleet must not wait for ever.
    let ends = stopping.clone().drop_guard();
    let mut owner = Owner { clock: Clock::start(&world), world, store: Arc::clone(&store), progress };
    let running = match called.clone() {
        Some(called) => Running::Task(tokio::spawn(async move {
            let _ends = ends;
            told(owner.run_in_turns(queue, called).await)
        })),
        None => {
            let body = move || {
                let _ends = ends;
                told(owner.run(&queue))
            };
            let thread = std::thread::Builder::new().name("sim-provider".to_owned()).spawn(body);
            Running::Thread(thread.map_err(|error| SimError::Serve(error.to_string()))?)
        }
    };
    Ok((Handle { jobs, called, progress: watched, store, stopping }, running))
}

fn told(outcome: Result<(), SimError>) -> Result<(), SimError> {
    outcome.inspect_err(|error| tracing::error!(%error, "the provider stops"))
}

/// Where the time comes from.
#[derive(Debug)]
enum Clock {
    /// The monotonic clock, going on from where the store left off.
    Real { started: Instant, base_ms: u64 },
    /// Advance alone.
    Virtual,
}

impl Clock {
    fn start(world: &World) -> Self {
        if world.is_virtual() {
            return Self::Virtual;
        }
        Self::Real { started: Instant::now(), base_ms: world.now_ms() }
    }

    fn now_ms(&self, world: &World) -> u64 {
        match self {
            Self::Real { started, base_ms } => {
                base_ms.saturating_add(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX))
            }
            Self::Virtual => world.now_ms(),
        }
    }
}

struct Owner {
    clock: Clock,
    world: World,
    store: Arc<Store>,
    progress: watch::Sender<Progress>,
}

impl Owner {
    fn run(&mut self, queue: &Receiver<Job>) -> Result<(), SimError> {
        // The start is counted before anybody can be given a cursor of this run.
        self.commit(true)?;
        loop {
            let first = match self.wait() {
                None => queue.recv().map_err(|_gone| RecvTimeoutError::Disconnected),
                Some(wait) => queue.recv_timeout(wait),
            };
            if !self.turn(first, queue)? {
                return Ok(());
            }
        }
    }

    /// The same on a runtime: waiting gives way to other tasks.
    async fn run_in_turns(&mut self, queue: Receiver<Job>, called: Arc<Notify>) -> Result<(), SimError> {
        self.commit(true)?;
        loop {
            let mut first = queue.try_recv();
            if first.is_err() {
                // Nobody calls when the last handle goes, so the queue is looked at now and then.
                let wait = self.wait().unwrap_or(LONGEST_WAIT);
                let _ = tokio::time::timeout(wait, called.notified()).await;
                first = queue.try_recv();
            }
            let first = first.map_err(|none| match none {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            });
            if !self.turn(first, &queue)? {
                return Ok(());
            }
        }
    }

    /// Applies what has come, makes it durable and answers; false when all handles are gone.
    fn turn(&mut self, first: Result<Job, RecvTimeoutError>, queue: &Receiver<Job>) -> Result<bool, SimError> {
        let mut replies = Vec::new();
        let open = self.take_batch(first, queue, &mut replies);
        self.world.run_until(self.clock.now_ms(&self.world));
        self.commit(!open)?;
        self.publish();
        replies.into_iter().for_each(|reply| reply());
        Ok(open)
    }

    /// Applies the first job and what waits behind it.
    fn take_batch(
        &mut self,
        first: Result<Job, RecvTimeoutError>,
        queue: &Receiver<Job>,
        replies: &mut Vec<Reply>,
    ) -> bool {
        // What fell due while we waited comes before what was asked for meanwhile.
        self.world.run_until(self.clock.now_ms(&self.world));
        match first {
            Ok(job) => replies.push(job(&mut self.world)),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        while let Ok(job) = queue.try_recv() {
            replies.push(job(&mut self.world));
            if replies.len() >= BATCH {
                break;
            }
        }
        true
    }

    fn wait(&mut self) -> Option<Duration> {
        let Clock::Real { .. } = self.clock else { return None };
        let next_ms = self.world.next_due_ms()?;
        let wait_ms = next_ms.saturating_sub(self.clock.now_ms(&self.world));
        // Never zero: the clock counts whole milliseconds, and what is due at one is applied when it has passed.
        Some(Duration::from_millis(wait_ms.max(1)).min(LONGEST_WAIT))
    }

    fn commit(&mut self, always: bool) -> Result<(), SimError> {
        let journal = self.world.take_journal();
        if journal.is_empty() && !always {
            return Ok(());
        }
        self.store.commit(&self.world, &journal)
    }

    fn publish(&self) {
        let world = &self.world;
        let now = Progress { now_ms: world.now_ms(), effects: world.effects(), pending: world.census().pending() };
        self.progress.send_if_modified(|progress| std::mem::replace(progress, now) != now);
    }
}
