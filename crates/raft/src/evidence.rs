//! What a replica has stored, read from its disk while it runs or after it has ended: for those who check from outside that Raft's
//! promises hold. Nothing in here takes part in replication.

use std::io;

use argosy_storage::{Disk, GroupId, NodeId, autopsy};
use bytes::Bytes;

use crate::codec;
use crate::log_store::VOTE;
use crate::types::{EntryPayload, Vote};

/// An entry of a stored log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// The term that it was proposed in.
    pub term: u64,
    /// What was proposed, if it is a command.
    pub command: Option<Vec<u8>>,
    /// All of it: equal entries have equal bytes.
    pub bytes: Bytes,
}

/// A stored vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredVote {
    /// The newest term that the replica has seen.
    pub term: u64,
    /// For whom it voted in that term, or whom it follows.
    pub candidate: NodeId,
    /// Whether that node is known to lead. A replica that voted for another one follows whoever won.
    pub leads: bool,
}

/// The entry at an index; `None` if the log does not hold it.
///
/// # Errors
/// When it is damaged, or the disk fails.
pub fn stored_entry(disk: &dyn Disk, group: GroupId, index: u64) -> io::Result<Option<StoredEntry>> {
    let Some(bytes) = autopsy::log_record(disk, group, index).map_err(io::Error::other)? else { return Ok(None) };
    let entry = codec::decode_entry(&bytes)?;
    let command = match entry.payload {
        EntryPayload::Normal(command) => Some(command.0.to_vec()),
        _ => None,
    };
    Ok(Some(StoredEntry { term: entry.log_id.committed_leader_id().term, command, bytes }))
}

/// Index of the first entry that was not purged: everything before it is in a snapshot.
///
/// # Errors
/// When the record is damaged, or the disk fails.
pub fn stored_start(disk: &dyn Disk, group: GroupId) -> io::Result<u64> {
    autopsy::log_start(disk, group).map_err(io::Error::other)
}

/// The vote; `None` if there was none yet.
///
/// # Errors
/// When the record is damaged, or the disk fails.
pub fn stored_vote(disk: &dyn Disk, group: GroupId) -> io::Result<Option<StoredVote>> {
    let Some(cell) = autopsy::cell(disk, group, VOTE).map_err(io::Error::other)? else { return Ok(None) };
    let vote: Vote = codec::decode(&cell)?;
    let (term, candidate) = (vote.leader_id.term, vote.leader_id.voted_for.node());
    Ok(Some(StoredVote { term, candidate, leads: vote.committed }))
}
