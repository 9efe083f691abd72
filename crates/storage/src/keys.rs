//! Where each kind of record lies in the ordered map. Numbers are big-endian, so that byte order is their order.

use crate::ids::GroupId;

const IDENTITY: u8 = b'i';
const CELL: u8 = b'c';
const LOG: u8 = b'l';
const SNAPSHOT: u8 = b's';

/// The identity of the data directory.
pub(crate) fn identity() -> Vec<u8> {
    vec![IDENTITY]
}

/// A cell of a group.
pub(crate) fn cell(group: GroupId, name: &str) -> Vec<u8> {
    let mut key = of_group(CELL, group);
    key.extend_from_slice(name.as_bytes());
    key
}

/// The name in a cell's key.
pub(crate) fn cell_name(key: &[u8]) -> &[u8] {
    &key[GROUP_BYTES..]
}

/// All cells of a group.
pub(crate) fn cells(group: GroupId) -> (Vec<u8>, Vec<u8>) {
    range(CELL, group)
}

/// An entry of a group's log.
pub(crate) fn log(group: GroupId, index: u64) -> Vec<u8> {
    let mut key = of_group(LOG, group);
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// The index in an entry's key; `None` when it is not one.
pub(crate) fn log_index(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(GROUP_BYTES..)?.try_into().ok()?))
}

/// The end of a group's log, exclusive.
pub(crate) fn log_end(group: GroupId) -> Vec<u8> {
    range(LOG, group).1
}

/// One chunk of one snapshot of a group.
pub(crate) fn chunk(group: GroupId, number: u64, chunk: u64) -> Vec<u8> {
    let mut key = of_group(SNAPSHOT, group);
    key.extend_from_slice(&number.to_be_bytes());
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

/// All chunks of one snapshot.
pub(crate) fn chunks(group: GroupId, number: u64) -> (Vec<u8>, Vec<u8>) {
    (chunk(group, number, 0), chunk(group, number + 1, 0))
}

/// All chunks of all snapshots of a group.
pub(crate) fn all_chunks(group: GroupId) -> (Vec<u8>, Vec<u8>) {
    range(SNAPSHOT, group)
}

const GROUP_BYTES: usize = 9;

fn of_group(kind: u8, group: GroupId) -> Vec<u8> {
    let mut key = Vec::with_capacity(GROUP_BYTES + 16);
    key.push(kind);
    key.extend_from_slice(&group.0.to_be_bytes());
    key
}

fn range(kind: u8, group: GroupId) -> (Vec<u8>, Vec<u8>) {
    let from = of_group(kind, group);
    let to = match group.0.checked_add(1) {
        Some(next) => of_group(kind, GroupId(next)),
        None => vec![kind + 1],
    };
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_owns_exactly_its_own_range() {
        for group in [0, 1, 255, 256, u64::MAX] {
            let (from, to) = range(LOG, GroupId(group));
            for index in [0, 1, u64::MAX] {
                let key = log(GroupId(group), index);
                assert!(from <= key && key < to);
                assert_eq!(log_index(&key), Some(index));
                let other = log(GroupId(group ^ 1), index);
                assert!(other < from || other >= to);
            }
        }
    }
}
