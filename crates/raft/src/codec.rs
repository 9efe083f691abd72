//! Bytes of log entries, cells and calls: `[version u8][postcard]`.
//!
//! Postcard does not describe itself, so fields and variants are only ever added under a new version. A log entry is
//! `[version u8][kind u8][term varint][index varint][rest]`, so that a command is a slice of what was read and never copied.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use openraft::vote::RaftLeaderIdExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::types::{Command, Entry, EntryPayload, LogId};

/// The version that this code writes, and the only one that it reads.
const VERSION: u8 = 1;

const BLANK: u8 = 0;
const NORMAL: u8 = 1;
const MEMBERSHIP: u8 = 2;

/// Encodes a value.
pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).expect("the types of Raft are plain data")
}

/// Decodes a value.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    let payload = versioned(bytes)?;
    postcard::from_bytes(payload).map_err(malformed)
}

/// Appends an entry to a buffer.
pub(crate) fn put_entry(entry: &Entry, out: &mut BytesMut) {
    let (kind, rest): (u8, Bytes) = match &entry.payload {
        EntryPayload::Blank => (BLANK, Bytes::new()),
        EntryPayload::Normal(command) => (NORMAL, command.0.clone()),
        EntryPayload::Membership(membership) => {
            (MEMBERSHIP, postcard::to_stdvec(membership).expect("the types of Raft are plain data").into())
        }
    };
    out.put_u8(VERSION);
    out.put_u8(kind);
    put_varint(out, entry.log_id.committed_leader_id().term);
    put_varint(out, entry.log_id.index());
    out.put_slice(&rest);
}

/// One entry as a record.
pub(crate) fn encode_entry(entry: &Entry) -> Bytes {
    let mut out = BytesMut::with_capacity(entry_bytes(entry));
    put_entry(entry, &mut out);
    out.freeze()
}

/// About how many bytes an entry takes.
pub(crate) fn entry_bytes(entry: &Entry) -> usize {
    let payload = match &entry.payload {
        EntryPayload::Normal(command) => command.0.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 64,
    };
    payload + 24
}

/// Decodes one entry; its command is a slice of `record`.
pub(crate) fn decode_entry(record: &Bytes) -> io::Result<Entry> {
    let mut rest = versioned(record)?;
    let (&kind, after) = rest.split_first().ok_or_else(|| malformed("no kind"))?;
    rest = after;
    let term = take_varint(&mut rest)?;
    let index = take_varint(&mut rest)?;
    let payload = match kind {
        BLANK => EntryPayload::Blank,
        NORMAL => EntryPayload::Normal(Command(record.slice_ref(rest))),
        MEMBERSHIP => EntryPayload::Membership(postcard::from_bytes(rest).map_err(malformed)?),
        other => return Err(malformed(format!("unknown kind {other}"))),
    };
    Ok(Entry { log_id: log_id(term, index), payload })
}

/// A log id.
pub(crate) fn log_id(term: u64, index: u64) -> LogId {
    // In textbook mode a committed leader is named by its term alone; the node in the constructor leaves no trace.
    LogId::new(openraft::impls::leader_id_std::LeaderId::new_committed(term, crate::types::ReplicaId::default()), index)
}

/// Many entries behind a header: `[version][header length u32 LE][header postcard]([entry length u32 LE][entry])*`.
pub(crate) fn encode_with_entries(header: &impl Serialize, entries: &[Entry]) -> Bytes {
    let header = postcard::to_stdvec(header).expect("the types of Raft are plain data");
    let size = 5 + header.len() + entries.iter().map(|entry| entry_bytes(entry) + 4).sum::<usize>();
    let mut out = BytesMut::with_capacity(size);
    out.put_u8(VERSION);
    out.put_u32_le(length(header.len()));
    out.put_slice(&header);
    for entry in entries {
        let at = out.len();
        out.put_u32_le(0);
        put_entry(entry, &mut out);
        let bytes = length(out.len() - at - 4);
        out[at..at + 4].copy_from_slice(&bytes.to_le_bytes());
    }
    out.freeze()
}

/// The reverse of [`encode_with_entries`].
pub(crate) fn decode_with_entries<T: DeserializeOwned>(bytes: &Bytes) -> io::Result<(T, Vec<Entry>)> {
    let mut rest = bytes.slice_ref(versioned(bytes)?);
    let header = take_block(&mut rest)?;
    let header = postcard::from_bytes(&header).map_err(malformed)?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        entries.push(decode_entry(&take_block(&mut rest)?)?);
    }
    Ok((header, entries))
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a call is bounded far below 4 GiB")
}

fn take_block(rest: &mut Bytes) -> io::Result<Bytes> {
    let bytes =
        rest.first_chunk().map(|size| u32::from_le_bytes(*size) as usize).ok_or_else(|| malformed("cut off"))?;
    if rest.len() < 4 + bytes {
        return Err(malformed("cut off"));
    }
    let mut block = rest.split_to(4 + bytes);
    Ok(block.split_off(4))
}

fn versioned(bytes: &[u8]) -> io::Result<&[u8]> {
    match bytes.split_first() {
        Some((&VERSION, payload)) => Ok(payload),
        Some((version, _)) => Err(malformed(format!("version {version}, this program reads {VERSION}"))),
        None => Err(malformed("empty")),
    }
}

fn put_varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.put_u8(value.to_le_bytes()[0]);
}

fn take_varint(rest: &mut &[u8]) -> io::Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or_else(|| malformed("cut off"))?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(malformed("a number too long"))
}

fn malformed(reason: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("ARG-0314: malformed Raft data: {reason}"))
}

#[cfg(test)]
mod tests {
    use openraft::EntryPayload;

    use super::*;

    fn entry(index: u64, bytes: usize) -> Entry {
        Entry { log_id: log_id(7, index), payload: EntryPayload::Normal(Command(vec![1; bytes].into())) }
    }

    #[test]
    fn an_entry_comes_back_as_it_was() {
        for index in [0, 127, 128, u64::MAX] {
            for entry in
                [entry(index, 0), entry(index, 300), Entry { log_id: log_id(1, index), payload: EntryPayload::Blank }]
            {
                assert_eq!(decode_entry(&encode_entry(&entry)).unwrap(), entry);
            }
        }
    }

    #[test]
    fn cut_or_foreign_bytes_are_an_error_and_never_a_panic() {
        let whole = encode_with_entries(&vec![1u8, 2], &[entry(1, 10), entry(2, 0)]);
        let (header, entries): (Vec<u8>, _) = decode_with_entries(&whole).unwrap();
        assert_eq!((header, entries.len()), (vec![1, 2], 2));
        for cut in 0..whole.len() {
            let _ = decode_with_entries::<Vec<u8>>(&whole.slice(..cut));
            let _ = decode_entry(&whole.slice(cut..));
        }
        assert!(decode_entry(&Bytes::from_static(&[9, 1, 1, 1])).unwrap_err().to_string().contains("version 9"));
    }
}
