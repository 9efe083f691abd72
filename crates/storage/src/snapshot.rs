//! Snapshots of a group: large blobs in chunks, of which one is current.
//!
//! Chunks are written as they come, without waiting for a sync. A blob that is finished can be read; making it current writes one durable
//! cell. Batches keep their order over a crash, so a current snapshot is whole. A snapshot that is not current goes away when the last
//! handle to it is dropped, so that one that is being sent is not pulled from under its reader.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use bytes::Bytes;

use crate::commit::{CommitQueue, Completion};
use crate::disk::{Disk, Durability, Op};
use crate::errors::{Place, StorageError};
use crate::group::GroupStore;
use crate::ids::GroupId;
use crate::{envelope, keys};

/// The cell of the current snapshot: `[number u64 LE][chunks u64 LE][bytes u64 LE][meta]`.
pub(crate) const CURRENT: &str = "snapshot";

/// Size of every chunk but the last.
pub const CHUNK_BYTES: usize = 1024 * 1024;

/// Chunks that a writer may have on their way to the disk.
const CHUNKS_IN_FLIGHT: usize = 8;

/// The snapshots of one group.
pub(crate) struct Snapshots {
    current: Option<Snapshot>,
    next_number: u64,
}

impl Snapshots {
    /// Finds the current snapshot, and removes the chunks of those that were never sealed or never removed.
    pub(crate) fn open(
        group: GroupId,
        disk: &Arc<dyn Disk>,
        queue: &Arc<CommitQueue>,
        cell: Option<&Bytes>,
    ) -> Result<Self, StorageError> {
        let current = cell.map(|cell| Snapshot::decode(group, disk, queue, cell)).transpose()?;
        let (start, end) = keys::all_chunks(group);
        let kept = current
            .as_ref()
            .map_or_else(|| (end.clone(), end.clone()), |snapshot| keys::chunks(group, snapshot.stored.number));
        for (from, to) in [(start, kept.0), (kept.1, end)] {
            let mut stray = false;
            disk.scan(&from, &to, &mut |_, _| {
                stray = true;
                std::ops::ControlFlow::Break(())
            })?;
            if stray {
                queue.submit(vec![Op::DeleteRange(from, to)], Durability::Buffered, None);
            }
        }
        let next_number = current.as_ref().map_or(1, |snapshot| snapshot.stored.number + 1);
        Ok(Self { current, next_number })
    }
}

struct Stored {
    group: GroupId,
    number: u64,
    chunks: u64,
    bytes: u64,
    meta: Bytes,
    disk: Arc<dyn Disk>,
    queue: Arc<CommitQueue>,
    /// It is the current one, so its chunks stay when the handles go.
    current: AtomicBool,
}

impl Drop for Stored {
    fn drop(&mut self) {
        if !self.current.load(Ordering::Acquire) {
            let (from, to) = keys::chunks(self.group, self.number);
            self.queue.submit(vec![Op::DeleteRange(from, to)], Durability::Buffered, None);
        }
    }
}

/// A finished snapshot. Clones share it; while one is held, it can be read.
#[derive(Clone)]
pub struct Snapshot {
    stored: Arc<Stored>,
}

impl Snapshot {
    fn decode(
        group: GroupId,
        disk: &Arc<dyn Disk>,
        queue: &Arc<CommitQueue>,
        cell: &Bytes,
    ) -> Result<Self, StorageError> {
        let Some(header) = cell.first_chunk::<24>() else {
            return Err(StorageError::damaged(Place::Cell { group, name: CURRENT.to_owned() }, "it is too short"));
        };
        let word = |at: usize| u64::from_le_bytes(*header[at..].first_chunk().expect("24 bytes are three words"));
        let stored = Stored {
            group,
            number: word(0),
            chunks: word(8),
            bytes: word(16),
            meta: cell.slice(24..),
            disk: disk.clone(),
            queue: queue.clone(),
            current: AtomicBool::new(true),
        };
        Ok(Self { stored: Arc::new(stored) })
    }

    fn encode(&self) -> Vec<u8> {
        let mut cell = Vec::with_capacity(24 + self.stored.meta.len());
        for word in [self.stored.number, self.stored.chunks, self.stored.bytes] {
            cell.extend_from_slice(&word.to_le_bytes());
        }
        cell.extend_from_slice(&self.stored.meta);
        cell
    }

    /// What the writer said about it.
    #[must_use]
    pub fn meta(&self) -> &Bytes {
        &self.stored.meta
    }

    /// Whether both are the same stored snapshot.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (self.stored.group, self.stored.number) == (other.stored.group, other.stored.number)
    }

    /// Its size.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.stored.bytes
    }

    /// How many chunks it has.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.stored.chunks
    }

    /// One chunk, checked.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when the chunk is missing or does not match its checksum.
    pub fn chunk(&self, chunk: u64) -> Result<Bytes, StorageError> {
        let place = || Place::Snapshot { group: self.stored.group, chunk };
        let key = keys::chunk(self.stored.group, self.stored.number, chunk);
        match self.stored.disk.get(&key)? {
            Some(record) => envelope::open(place, &key, record),
            None => Err(StorageError::damaged(place(), "it is missing")),
        }
    }

    /// Reads it from the beginning.
    #[must_use]
    pub fn reader(&self) -> SnapshotReader {
        SnapshotReader { snapshot: self.clone(), next: 0, chunk: Bytes::new() }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "snapshot {} of group {} ({} bytes)", self.stored.number, self.stored.group, self.stored.bytes)
    }
}

/// Reads a snapshot chunk by chunk.
pub struct SnapshotReader {
    snapshot: Snapshot,
    next: u64,
    chunk: Bytes,
}

impl io::Read for SnapshotReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            if self.next == self.snapshot.chunks() {
                return Ok(0);
            }
            self.chunk = self.snapshot.chunk(self.next).map_err(io::Error::other)?;
            self.next += 1;
        }
        let count = self.chunk.len().min(out.len());
        out[..count].copy_from_slice(&self.chunk.split_to(count));
        Ok(count)
    }
}

/// How many chunks are on their way, and whether one was lost.
#[derive(Default)]
struct Flight {
    state: Mutex<(usize, Option<StorageError>)>,
    landed: Condvar,
}

/// Writes a snapshot. Dropped before it is finished, it leaves nothing.
pub struct SnapshotWriter {
    store: GroupStore,
    number: u64,
    chunks: u64,
    bytes: u64,
    buffer: Vec<u8>,
    flight: Arc<Flight>,
    finished: bool,
}

impl SnapshotWriter {
    /// Adds a chunk as it is; all but the last must have [`CHUNK_BYTES`].
    ///
    /// When a thread of its own writes, this blocks while too many chunks are on their way.
    ///
    /// # Errors
    /// When an earlier chunk could not be written.
    pub fn push_chunk(&mut self, chunk: &[u8]) -> Result<(), StorageError> {
        let inner = &self.store.inner;
        let mut state = self.flight.state.lock().unwrap_or_else(PoisonError::into_inner);
        while inner.queue.has_thread() && state.0 >= CHUNKS_IN_FLIGHT {
            state = self.flight.landed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(error) = &state.1 {
            return Err(error.clone());
        }
        state.0 += 1;
        drop(state);
        let key = keys::chunk(inner.group, self.number, self.chunks);
        let sealed = envelope::seal(&key, chunk);
        let flight = self.flight.clone();
        let landed: Completion = Box::new(move |outcome| {
            let mut state = flight.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 -= 1;
            state.1 = state.1.take().or(outcome.err());
            flight.landed.notify_all();
        });
        inner.queue.submit(vec![Op::Put(key, sealed)], Durability::Buffered, Some(landed));
        self.chunks += 1;
        self.bytes += chunk.len() as u64;
        Ok(())
    }

    /// Ends the snapshot, with `meta` to describe it. `done` gets it when all of it can be read.
    ///
    /// # Errors
    /// When a chunk could not be written.
    pub fn finish(
        mut self,
        meta: &[u8],
        done: impl FnOnce(Result<Snapshot, StorageError>) + Send + 'static,
    ) -> Result<(), StorageError> {
        let rest = std::mem::take(&mut self.buffer);
        if !rest.is_empty() {
            self.push_chunk(&rest)?;
        }
        let inner = &self.store.inner;
        let stored = Stored {
            group: inner.group,
            number: self.number,
            chunks: self.chunks,
            bytes: self.bytes,
            meta: Bytes::copy_from_slice(meta),
            disk: inner.disk.clone(),
            queue: inner.queue.clone(),
            current: AtomicBool::new(false),
        };
        self.finished = true;
        let snapshot = Snapshot { stored: Arc::new(stored) };
        let flight = self.flight.clone();
        // An empty write behind the chunks: when it lands, so have they.
        let landed: Completion = Box::new(move |outcome| {
            let lost = flight.state.lock().unwrap_or_else(PoisonError::into_inner).1.take();
            done(outcome.and(lost.map_or(Ok(()), Err)).map(|()| snapshot));
        });
        inner.queue.submit(Vec::new(), Durability::Buffered, Some(landed));
        Ok(())
    }
}

impl io::Write for SnapshotWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let count = data.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&data[..count]);
        if self.buffer.len() == CHUNK_BYTES {
            let chunk = std::mem::take(&mut self.buffer);
            self.push_chunk(&chunk).map_err(io::Error::other)?;
            self.buffer = chunk;
            self.buffer.clear();
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if !self.finished && self.chunks > 0 {
            let (from, to) = keys::chunks(self.store.inner.group, self.number);
            self.store.inner.queue.submit(vec![Op::DeleteRange(from, to)], Durability::Buffered, None);
        }
    }
}

impl GroupStore {
    /// The current snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.inner.snapshots.lock().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// Makes a finished snapshot of this group the current one; `done` is called when that is durable.
    ///
    /// # Panics
    /// When the snapshot is of another group.
    pub fn make_current(&self, snapshot: &Snapshot, done: Completion) {
        assert_eq!(snapshot.stored.group, self.inner.group, "a snapshot stays in its group");
        let inner = self.inner.clone();
        let snapshot = snapshot.clone();
        let cell = snapshot.encode();
        let sealed: Completion = Box::new(move |outcome| {
            if outcome.is_ok() {
                let mut snapshots = inner.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
                snapshot.stored.current.store(true, Ordering::Release);
                let old = snapshots.current.replace(snapshot.clone());
                if let Some(old) = old.filter(|old| old.stored.number != snapshot.stored.number) {
                    old.stored.current.store(false, Ordering::Release);
                }
            }
            done(outcome);
        });
        self.set_cell(CURRENT, &cell, Durability::Synced, Some(sealed));
    }

    /// Begins a snapshot.
    #[must_use]
    pub fn write_snapshot(&self) -> SnapshotWriter {
        let mut snapshots = self.inner.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        let number = snapshots.next_number;
        snapshots.next_number += 1;
        drop(snapshots);
        SnapshotWriter {
            store: self.clone(),
            number,
            chunks: 0,
            bytes: 0,
            buffer: Vec::new(),
            flight: Arc::default(),
            finished: false,
        }
    }
}
