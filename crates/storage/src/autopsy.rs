//! What a group left on a disk, read without opening the group: for those who check from outside that what was promised is there.

use bytes::Bytes;

use crate::disk::Disk;
use crate::errors::{Place, StorageError};
use crate::ids::GroupId;
use crate::{envelope, group, keys};

/// The record at an index of a group's log; `None` if there is none.
///
/// # Errors
/// When it is damaged, or the disk fails.
pub fn log_record(disk: &dyn Disk, group: GroupId, index: u64) -> Result<Option<Bytes>, StorageError> {
    let key = keys::log(group, index);
    let record = disk.get(&key)?;
    record.map(|record| envelope::open(|| Place::Log { group, index }, &key, record)).transpose()
}

/// Index of the first entry that was not purged.
///
/// # Errors
/// As [`cell`].
pub fn log_start(disk: &dyn Disk, group: GroupId) -> Result<u64, StorageError> {
    let start = cell(disk, group, group::LOG_START)?;
    Ok(start.and_then(|start| start.first_chunk().copied()).map_or(0, u64::from_le_bytes))
}

/// A cell of a group; `None` if it was never set.
///
/// # Errors
/// When it is damaged, or the disk fails.
pub fn cell(disk: &dyn Disk, group: GroupId, name: &str) -> Result<Option<Bytes>, StorageError> {
    let key = keys::cell(group, name);
    let record = disk.get(&key)?;
    record.map(|record| envelope::open(|| Place::Cell { group, name: name.to_owned() }, &key, record)).transpose()
}
