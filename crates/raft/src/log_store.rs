//! The log and the vote of a group, as openraft wants them, over [`argosy_storage`].
//!
//! What openraft relies on: an appended entry can be read when `append` returns and is durable when its callback fires; a vote is durable
//! when `save_vote` returns; votes and entries reach the disk in the order of the calls. The storage keeps all three.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};

use argosy_failpoint::{Failpoint, Planted, fires, planted};
use argosy_storage::{Durability, GroupStore, StorageError};
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use tokio::sync::oneshot;

use crate::codec;
use crate::types::{Entry, LogId, TypeConfig, Vote};

pub(crate) const VOTE: &str = "vote";
const COMMITTED: &str = "committed";

/// Bytes of entries that one call to a follower, or one step of the state machine, carries at most.
const READ_BYTES: usize = 1024 * 1024;

/// The log of one group; clones share it.
#[derive(Clone)]
pub(crate) struct LogStore {
    store: GroupStore,
}

impl LogStore {
    pub(crate) fn new(store: GroupStore) -> Self {
        Self { store }
    }

    /// Whether this very entry is in the log, and not purged.
    pub(crate) fn has(&self, id: LogId) -> bool {
        let there = self.entries(id.index(), id.index() + 1, READ_BYTES);
        there.is_ok_and(|there| there.first().is_some_and(|entry| entry.log_id == id))
    }

    fn entries(&self, from: u64, to: u64, max_bytes: usize) -> io::Result<Vec<Entry>> {
        let records = self.store.read(from..to, max_bytes).map_err(io::Error::other)?;
        records.iter().map(codec::decode_entry).collect()
    }
}

/// Turns a completion of the storage into something to await.
pub(crate) async fn durable(submit: impl FnOnce(argosy_storage::Completion)) -> Result<(), StorageError> {
    let (tell, told) = oneshot::channel();
    submit(Box::new(move |outcome| {
        // Whoever waited may have been dropped; the write counts all the same.
        let _ = tell.send(outcome);
    }));
    told.await.unwrap_or(Err(StorageError::Closed))
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(index) => *index,
        Bound::Excluded(index) => index + 1,
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(index) => index.saturating_add(1),
        Bound::Excluded(index) => *index,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (from, to) = bounds(&range);
        self.entries(from, to, usize::MAX)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.store.cell(VOTE).map(|vote| codec::decode(&vote)).transpose()
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let most = if fires(Failpoint::LogReadShort) { 0 } else { READ_BYTES };
        self.entries(start, end, most)
    }

    /// A node that starts may have far to go: entries are read as they are applied, not all at once.
    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (from, to) = bounds(&range);
        let log = self.clone();
        let chunks = futures::stream::try_unfold(from, move |next| {
            let chunk = if next < to { log.entries(next, to, READ_BYTES) } else { Ok(Vec::new()) };
            std::future::ready(chunk.map(|entries| {
                let after = entries.last()?.log_id.index() + 1;
                Some((futures::stream::iter(entries.into_iter().map(Ok)), after))
            }))
        });
        Box::pin(chunks.try_flatten())
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let range = self.store.range();
        let last_purged_log_id: Option<LogId> = self.store.purge_mark().map(|mark| codec::decode(&mark)).transpose()?;
        let last = match range.end.checked_sub(1) {
            Some(last) if last >= range.start => {
                self.entries(last, range.end, READ_BYTES)?.pop().map(|entry| entry.log_id)
            }
            _ => last_purged_log_id,
        };
        Ok(LogState { last_purged_log_id, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let vote = codec::encode(vote);
        durable(|done| self.store.set_cell(VOTE, &vote, Durability::Synced, Some(done))).await.map_err(io::Error::other)
    }

    /// Not synced: it rides with the next batch that is. An old value costs a restarted node a little time, never a wrong answer.
    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if !fires(Failpoint::CommitMarkNotSaved) {
            self.store.set_cell(COMMITTED, &codec::encode(&committed), Durability::Buffered, None);
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        match self.store.cell(COMMITTED) {
            Some(committed) => codec::decode(&committed),
            None => Ok(None),
        }
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut first = None;
        let records: Vec<Bytes> = entries
            .into_iter()
            .map(|entry| {
                first.get_or_insert(entry.log_id.index());
                codec::encode_entry(&entry)
            })
            .collect();
        let done: argosy_storage::Completion =
            Box::new(move |outcome| callback.io_completed(outcome.map_err(io::Error::other)));
        match first {
            Some(first) if planted(Planted::AppendAnsweredEarly) => {
                self.store.append(first, records, Box::new(|_| {}));
                done(Ok(()));
            }
            Some(first) => self.store.append(first, records, done),
            None => done(Ok(())),
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        self.store.truncate(last_log_id.map_or(0, |last| last.index() + 1));
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        self.store.purge(log_id.index() + 1, &codec::encode(&log_id));
        Ok(())
    }
}
