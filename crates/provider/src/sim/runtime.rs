//! The thread that owns the simulated fleet: it takes jobs in batches, applies them, makes the batch durable, and only then answers.
//!
//! A thread and not a task, because the store syncs to disk. One owner and no lock, so the order of jobs is the order of effects.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
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

/// The way to the thread. It ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    jobs: SyncSender<Job>,
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
        answered.await.map_err(|_gone| stopped())
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    pub(super) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// Ends when the provider is to stop; whoever waits without end waits for this too.
    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }
}

fn stopped() -> Status {
    Status::unavailable("the provider is stopping, or its store has failed; see its log")
}

/// Starts the thread.
pub(super) fn start(world: World, store: Store) -> Result<(Handle, JoinHandle<Result<(), SimError>>), SimError> {
    let (jobs, queue) = sync_channel(QUEUE);
    let (progress, watched) = watch::channel(Progress::default());
    let store = Arc::new(store);
    let handle = Handle { jobs, progress: watched, store: Arc::clone(&store), stopping: CancellationToken::new() };
    // Also when the thread panics: whoever waits for the fleet must not wait for ever.
    let stopping = handle.stopping.clone().drop_guard();
    let mut owner = Owner { clock: Clock::start(&world), world, store, progress };
    let body = move || {
        let outcome = owner.run(&queue);
        if let Err(error) = &outcome {
            tracing::error!(%error, "the provider stops");
        }
        drop(stopping);
        outcome
    };
    let thread = std::thread::Builder::new().name("sim-provider".to_owned()).spawn(body);
    Ok((handle, thread.map_err(|error| SimError::Serve(error.to_string()))?))
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
        let mut replies = Vec::new();
        loop {
            let open = self.take_batch(queue, &mut replies);
            self.world.run_until(self.clock.now_ms(&self.world));
            self.commit(!open)?;
            self.publish();
            replies.drain(..).for_each(|reply| reply());
            if !open {
                return Ok(());
            }
        }
    }

    /// Waits for a job or for the next thing due, then applies what has come; false when all handles are gone.
    fn take_batch(&mut self, queue: &Receiver<Job>, replies: &mut Vec<Reply>) -> bool {
        let first = match self.wait() {
            None => queue.recv().map_err(|_gone| RecvTimeoutError::Disconnected),
            Some(wait) => queue.recv_timeout(wait),
        };
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
