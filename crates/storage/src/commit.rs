//! Group commit: one writer turns the waiting writes of all groups of a node into one batch and one sync.
//!
//! Writes are made durable, and their completions called, in the order of submission. While one batch syncs, the next one gathers; that
//! is the only delay, and under load it is what makes one sync serve many groups.
//!
//! A failed write is never retried: after a failed sync the kernel may have dropped the very pages it could not write, so a second sync
//! that succeeds proves nothing. The queue fails for good and every waiter is told.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use argosy_failpoint::{Failpoint, fires};

use crate::disk::{Batch, Disk, Durability};
use crate::errors::StorageError;

/// Called once a write is as durable as it asked for, or failed. It runs on the writer, so it must be short and must not block.
pub type Completion = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// One batch holds at most about this many bytes, so that one large backlog does not become one huge allocation and one long stall.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// What the writer did so far.
///
/// `acknowledged` never exceeds `synced`: no one was told that a write is durable before a sync covered it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Syncs of the disk.
    pub syncs: u64,
    /// Durable writes that those syncs covered.
    pub synced: u64,
    /// Durable writes whose submitters were told so.
    pub acknowledged: u64,
}

/// Who calls [`CommitQueue::commit_pending`].
pub enum Drive {
    /// A thread of its own: production.
    Thread,
    /// The owner of the store, on its own thread and in its own time: simulation and step-by-step tests. The function is called, from
    /// whatever thread submits, when the queue stops being empty.
    Caller(Box<dyn Fn() + Send + Sync>),
}

impl Drive {
    /// The owner steps the queue without being told when.
    #[must_use]
    pub fn by_hand() -> Self {
        Self::Caller(Box::new(|| {}))
    }
}

struct Write {
    batch: Batch,
    bytes: usize,
    durability: Durability,
    done: Option<Completion>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Write>,
    /// Sequence number of the last write that was submitted.
    submitted: u64,
    failed: Option<StorageError>,
    closed: bool,
}

/// The queue of waiting writes, and its writer.
pub(crate) struct CommitQueue {
    disk: Arc<dyn Disk>,
    state: Mutex<State>,
    work: Condvar,
    wake: Option<Box<dyn Fn() + Send + Sync>>,
    /// Held by whoever writes, so that batches reach the disk in the order in which they were taken.
    writing: Mutex<()>,
    /// Sequence number of the last write that the disk accepted: from here on reads may go to the disk.
    written: AtomicU64,
    syncs: AtomicU64,
    synced: AtomicU64,
    acknowledged: AtomicU64,
}

impl CommitQueue {
    pub(crate) fn new(disk: Arc<dyn Disk>, wake: Option<Box<dyn Fn() + Send + Sync>>) -> Self {
        Self {
            disk,
            state: Mutex::default(),
            work: Condvar::new(),
            wake,
            writing: Mutex::default(),
            written: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
        }
    }

    /// Queues a write and returns its sequence number. `done` is called in order; at once, when the queue has failed or is closed.
    pub(crate) fn submit(&self, batch: Batch, durability: Durability, done: Option<Completion>) -> u64 {
        let mut state = self.lock();
        state.submitted += 1;
        let sequence = state.submitted;
        let refusal = state.failed.clone().or_else(|| state.closed.then_some(StorageError::Closed));
        if let Some(error) = refusal {
            drop(state);
            if let Some(done) = done {
                done(Err(error));
            }
            return sequence;
        }
        let bytes = batch.iter().map(crate::disk::Op::bytes).sum();
        let was_empty = state.waiting.is_empty();
        state.waiting.push(Write { batch, bytes, durability, done });
        drop(state);
        if was_empty {
            self.work.notify_one();
            if let Some(wake) = &self.wake {
                wake();
            }
        }
        sequence
    }

    /// Whether the disk has accepted the write with this sequence number.
    pub(crate) fn is_written(&self, sequence: u64) -> bool {
        self.written.load(Ordering::Acquire) >= sequence
    }

    /// Whether a thread of its own writes, so that a submitter may block until it has caught up.
    pub(crate) fn has_thread(&self) -> bool {
        self.wake.is_none()
    }

    pub(crate) fn failed(&self) -> Option<StorageError> {
        self.lock().failed.clone()
    }

    pub(crate) fn counters(&self) -> Counters {
        // `acknowledged` first: the pair must never look as if an acknowledgement came before its sync.
        let acknowledged = self.acknowledged.load(Ordering::Acquire);
        let synced = self.synced.load(Ordering::Acquire);
        Counters { syncs: self.syncs.load(Ordering::Relaxed), synced, acknowledged }
    }

    /// Refuses new writes; what is queued is still written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }

    /// Forgets what still waits, unanswered: the end of a process. (Completions may hold the groups that hold this queue.)
    pub(crate) fn abandon(&self) {
        let waiting = mem::take(&mut self.lock().waiting);
        drop(waiting);
    }

    /// Writes batches until the queue is closed and empty: the body of the writer thread.
    pub(crate) fn run(&self) {
        loop {
            {
                let mut state = self.lock();
                while state.waiting.is_empty() && !state.closed {
                    state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                if state.waiting.is_empty() {
                    return;
                }
            }
            self.commit_pending();
        }
    }

    /// Writes one batch of what waits, syncs if any of it asks for that, and calls the completions. Says whether there was anything.
    pub(crate) fn commit_pending(&self) -> bool {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let writes = self.take_batch();
        if writes.is_empty() {
            return false;
        }
        let count = writes.len() as u64;
        let durable = writes.iter().filter(|write| write.durability == Durability::Synced).count() as u64;
        let mut batch = Vec::new();
        let mut completions = Vec::with_capacity(writes.len());
        for mut write in writes {
            batch.append(&mut write.batch);
            completions.push((write.durability, write.done));
        }
        let durability = if durable > 0 { Durability::Synced } else { Durability::Buffered };
        let outcome = self.write(batch, durability, durable);
        let mut stranded = Vec::new();
        match &outcome {
            Ok(()) => {
                self.written.fetch_add(count, Ordering::AcqRel);
                self.synced.fetch_add(durable, Ordering::AcqRel);
            }
            Err(error) => stranded = self.fail(error),
        }
        for (durability, done) in completions {
            if outcome.is_ok() && durability == Durability::Synced {
                self.acknowledged.fetch_add(1, Ordering::AcqRel);
            }
            if let Some(done) = done {
                done(outcome.clone());
            }
        }
        for done in stranded {
            done(outcome.clone());
        }
        drop(writing);
        true
    }

    fn write(&self, batch: Batch, durability: Durability, durable: u64) -> Result<(), StorageError> {
        if let Some(error) = self.failed() {
            return Err(error);
        }
        let began = Instant::now();
        self.disk.write(batch, durability)?;
        if durability == Durability::Synced {
            self.syncs.fetch_add(1, Ordering::Relaxed);
            metrics::histogram!("argosy_storage_sync_seconds").record(began.elapsed().as_secs_f64());
            metrics::histogram!("argosy_storage_writes_per_sync").record(durable as f64);
        }
        Ok(())
    }

    fn take_batch(&self) -> Vec<Write> {
        let mut state = self.lock();
        let mut bytes = 0;
        let fits = state.waiting.iter().take_while(|write| {
            let first = bytes == 0;
            bytes += write.bytes;
            first || bytes <= BATCH_BYTES
        });
        let fitting = fits.count();
        let taken = if fires(Failpoint::CommitOneAtATime) { fitting.min(1) } else { fitting };
        let rest = state.waiting.split_off(taken);
        mem::replace(&mut state.waiting, rest)
    }

    /// Marks the queue as failed, and returns the completions of those who still waited in it.
    fn fail(&self, error: &StorageError) -> Vec<Completion> {
        let mut state = self.lock();
        if state.failed.is_none() {
            tracing::error!(%error, "the store stops writing");
            state.failed = Some(error.clone());
        }
        mem::take(&mut state.waiting).into_iter().filter_map(|write| write.done).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
