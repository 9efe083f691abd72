//! What one group stores: a log of records, and small durable cells. (Its snapshots are in [`crate::snapshot`].)
//!
//! Every change is queued for the group commit of the node. It can be read at once; it is durable when its completion is called. Changes
//! of one group reach the disk in the order of the calls.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::commit::{CommitQueue, Completion};
use crate::disk::{Disk, Durability, Op};
use crate::errors::{Place, StorageError};
use crate::ids::GroupId;
use crate::snapshot::Snapshots;
use crate::tail::Tail;
use crate::{envelope, keys};

/// Cells set by callers must not take this name, nor [`crate::snapshot::CURRENT`].
///
/// The value says where the log begins: `[first index u64 LE][mark]`.
pub(crate) const LOG_START: &str = "log-start";

/// A handle to what one group stores; clones share it.
#[derive(Clone)]
pub struct GroupStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) group: GroupId,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) queue: Arc<CommitQueue>,
    state: Mutex<State>,
    pub(crate) snapshots: Mutex<Snapshots>,
}

struct State {
    /// Index of the first entry that was not purged.
    first: u64,
    /// Index that the next appended entry gets.
    next: u64,
    tail: Tail,
    /// Counts the calls that removed entries, so that a reader of the disk notices when they did so under its hands.
    removals: u64,
    cells: BTreeMap<String, Bytes>,
}

/// Where the entries of a read lie.
struct ReadPlan {
    disk: Range<u64>,
    tail: Vec<Bytes>,
    removals: u64,
}

impl GroupStore {
    /// Reads what the group stored before, and checks all of it: every checksum, and that no index is missing.
    pub(crate) fn open(group: GroupId, disk: Arc<dyn Disk>, queue: Arc<CommitQueue>) -> Result<Self, StorageError> {
        let cells = read_cells(group, disk.as_ref())?;
        let first = match cells.get(LOG_START) {
            None => 0,
            Some(start) => match start.first_chunk() {
                Some(first) => u64::from_le_bytes(*first),
                None => {
                    return Err(StorageError::damaged(
                        Place::Cell { group, name: LOG_START.to_owned() },
                        "it is too short",
                    ));
                }
            },
        };
        let next = check_log(group, disk.as_ref(), first)?;
        let snapshots = Snapshots::open(group, &disk, &queue, cells.get(crate::snapshot::CURRENT))?;
        let state = State { first, next, tail: Tail::empty_at(next), removals: 0, cells };
        let inner = Inner { group, disk, queue, state: Mutex::new(state), snapshots: Mutex::new(snapshots) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> GroupId {
        self.inner.group
    }

    /// Whether a thread of its own writes, so that a caller may block until it has caught up. In simulation nobody may.
    #[must_use]
    pub fn may_block(&self) -> bool {
        self.inner.queue.has_thread()
    }

    /// Why the store stopped writing, if it did.
    #[must_use]
    pub fn failed(&self) -> Option<StorageError> {
        self.inner.queue.failed()
    }

    /// The indexes that the log holds.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        let state = self.lock();
        state.first..state.next
    }

    /// Appends records at the end of the log. They can be read when this returns; `done` is called when they are durable.
    ///
    /// # Panics
    /// When `first` is not the next index: a log has no holes.
    pub fn append(&self, first: u64, records: Vec<Bytes>, done: Completion) {
        let mut state = self.lock();
        assert_eq!(
            first, state.next,
            "appending to the log of group {} would leave a hole or overwrite",
            self.inner.group
        );
        let puts = (first..).zip(&records).map(|(index, record)| {
            let key = keys::log(self.inner.group, index);
            let sealed = envelope::seal(&key, record);
            Op::Put(key, sealed)
        });
        // Submitted under the lock: the order of the queue is the order of the log.
        let sequence = self.inner.queue.submit(puts.collect(), Durability::Synced, Some(done));
        state.next += records.len() as u64;
        for record in records {
            state.tail.push(record, sequence);
        }
        state.tail.evict(|sequence| self.inner.queue.is_written(sequence));
    }

    /// Removes every entry from index `next` on.
    ///
    /// Nobody waits for it: whatever is appended afterwards is durable only together with it.
    ///
    /// # Panics
    /// When entries were purged beyond `next`.
    pub fn truncate(&self, next: u64) {
        let mut state = self.lock();
        assert!(
            next >= state.first,
            "entries before {} of group {} are purged, cannot truncate to {next}",
            state.first,
            self.inner.group
        );
        if next >= state.next {
            return;
        }
        let cut = Op::DeleteRange(keys::log(self.inner.group, next), keys::log_end(self.inner.group));
        self.inner.queue.submit(vec![cut], Durability::Buffered, None);
        state.tail.truncate(next);
        state.next = next;
        state.removals += 1;
    }

    /// Removes every entry before index `first`, and remembers `mark` for as long as the log begins there.
    ///
    /// The log may end before `first` (a snapshot replaced it); it is then empty, and goes on at `first`.
    pub fn purge(&self, first: u64, mark: &[u8]) {
        let mut state = self.lock();
        if first < state.first {
            return;
        }
        let mut start = first.to_le_bytes().to_vec();
        start.extend_from_slice(mark);
        let from = keys::log(self.inner.group, state.first);
        // A log that ends before `first` may be followed, on the disk, by entries that a queued truncation has yet to remove.
        let to = keys::log(self.inner.group, first);
        let batch = vec![self.put_cell(LOG_START, &start), Op::DeleteRange(from, to)];
        self.inner.queue.submit(batch, Durability::Buffered, None);
        state.cells.insert(LOG_START.to_owned(), start.into());
        state.first = first;
        state.next = state.next.max(first);
        state.tail.purge(first);
        state.removals += 1;
    }

    /// The mark that the last [`purge`](Self::purge) left, if it left one.
    #[must_use]
    pub fn purge_mark(&self) -> Option<Bytes> {
        self.lock().cells.get(LOG_START).map(|start| start.slice(8..)).filter(|mark| !mark.is_empty())
    }

    /// Reads the entries of `range` that the log holds, in order, until `max_bytes` are reached; at least one, if there is any.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when an entry does not match its checksum or is missing.
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Bytes>, StorageError> {
        loop {
            let plan = self.plan_read(&range, max_bytes);
            let read = self.read_disk(&plan.disk, max_bytes);
            if !plan.disk.is_empty() && plan.removals != self.lock().removals {
                // A truncation or a purge overtook the read: what came from the disk may be of two logs, or look like a hole.
                continue;
            }
            let mut records = read?;
            if records.len() as u64 == plan.disk.end - plan.disk.start {
                let mut bytes: usize = records.iter().map(Bytes::len).sum();
                for record in plan.tail {
                    bytes += record.len();
                    if bytes > max_bytes && !records.is_empty() {
                        break;
                    }
                    records.push(record);
                }
            }
            return Ok(records);
        }
    }

    /// The value of a cell, as last set.
    #[must_use]
    pub fn cell(&self, name: &str) -> Option<Bytes> {
        self.lock().cells.get(name).cloned()
    }

    /// Sets a cell. It can be read when this returns; `done` is called when it is as durable as asked.
    pub fn set_cell(&self, name: &'static str, value: &[u8], durability: Durability, done: Option<Completion>) {
        let mut state = self.lock();
        state.cells.insert(name.to_owned(), Bytes::copy_from_slice(value));
        self.inner.queue.submit(vec![self.put_cell(name, value)], durability, done);
    }

    fn put_cell(&self, name: &str, value: &[u8]) -> Op {
        let key = keys::cell(self.inner.group, name);
        let sealed = envelope::seal(&key, value);
        Op::Put(key, sealed)
    }

    /// Splits a read into what lies on the disk and what the tail has, under one lock so that both belong to one state of the log.
    fn plan_read(&self, range: &Range<u64>, max_bytes: usize) -> ReadPlan {
        let state = self.lock();
        let start = range.start.max(state.first);
        let end = range.end.min(state.next).max(start);
        let split = state.tail.first().clamp(start, end);
        let mut bytes = 0;
        let mut tail = Vec::new();
        for index in split..end {
            if bytes > max_bytes {
                break;
            }
            let record = state.tail.get(index).expect("the tail reaches to the end of the log");
            bytes += record.len();
            tail.push(record.clone());
        }
        ReadPlan { disk: start..split, tail, removals: state.removals }
    }

    fn read_disk(&self, range: &Range<u64>, max_bytes: usize) -> Result<Vec<Bytes>, StorageError> {
        let mut records = Vec::new();
        if range.is_empty() {
            return Ok(records);
        }
        let group = self.inner.group;
        let (mut bytes, mut full, mut problem) = (0, false, None);
        let (from, to) = (keys::log(group, range.start), keys::log(group, range.end));
        self.inner.disk.scan(&from, &to, &mut |key, value| {
            bytes += value.len();
            full = bytes > max_bytes && !records.is_empty();
            if full {
                return ControlFlow::Break(());
            }
            match open_entry(group, range.start + records.len() as u64, key, value) {
                Ok(record) => records.push(record),
                Err(error) => problem = Some(error),
            }
            if problem.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let end = range.start + records.len() as u64;
        match problem {
            Some(error) => Err(error),
            None if !full && end < range.end => Err(missing(group, end)),
            None => Ok(records),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing(group: GroupId, index: u64) -> StorageError {
    StorageError::damaged(Place::Log { group, index }, "it is missing")
}

fn open_entry(group: GroupId, expected: u64, key: &[u8], value: &[u8]) -> Result<Bytes, StorageError> {
    if keys::log_index(key) != Some(expected) {
        return Err(missing(group, expected));
    }
    envelope::open(|| Place::Log { group, index: expected }, key, value.to_vec())
}

fn read_cells(group: GroupId, disk: &dyn Disk) -> Result<BTreeMap<String, Bytes>, StorageError> {
    let (from, to) = keys::cells(group);
    let mut cells = BTreeMap::new();
    let mut problem = None;
    disk.scan(&from, &to, &mut |key, value| {
        let name = String::from_utf8_lossy(keys::cell_name(key)).into_owned();
        match envelope::open(|| Place::Cell { group, name: name.clone() }, key, value.to_vec()) {
            Ok(value) => {
                cells.insert(name, value);
                ControlFlow::Continue(())
            }
            Err(error) => {
                problem = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    problem.map_or(Ok(cells), Err)
}

/// Checks every entry from `first` on, and returns the index after the last one.
fn check_log(group: GroupId, disk: &dyn Disk, first: u64) -> Result<u64, StorageError> {
    let mut next = first;
    let mut problem = None;
    disk.scan(
        &keys::log(group, 0),
        &keys::log_end(group),
        &mut |key, value| match open_entry(group, next, key, value) {
            Ok(_) => {
                next += 1;
                ControlFlow::Continue(())
            }
            Err(error) => {
                problem = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    problem.map_or(Ok(next), Err)
}
