//! The wrapper of every stored record: `[format u8][crc32c u32 LE][payload]`.
//!
//! The checksum covers the format, the key and the payload, so a record that was damaged, or that lies where it does not belong, is found
//! out when it is read. RocksDB has checksums of its own; these also cover what happens above it, and every other disk.

use bytes::Bytes;

use crate::errors::{Place, StorageError};

/// The format that this version writes, and the newest that it reads.
pub(crate) const FORMAT: u8 = 1;

const HEADER: usize = 5;

/// Wraps a payload for its key.
pub(crate) fn seal(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER + payload.len());
    record.push(FORMAT);
    record.extend_from_slice(&checksum(FORMAT, key, payload).to_le_bytes());
    record.extend_from_slice(payload);
    record
}

/// Unwraps a record that was read from its key.
pub(crate) fn open(place: impl Fn() -> Place, key: &[u8], record: Vec<u8>) -> Result<Bytes, StorageError> {
    check(place, key, &record)?;
    Ok(Bytes::from(record).slice(HEADER..))
}

/// Checks a record without unwrapping it.
pub(crate) fn check(place: impl Fn() -> Place, key: &[u8], record: &[u8]) -> Result<(), StorageError> {
    let Some((header, payload)) = record.split_at_checked(HEADER) else {
        return Err(StorageError::damaged(place(), format!("{} bytes are too few for a record", record.len())));
    };
    let format = header[0];
    let stored = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
    let actual = checksum(format, key, payload);
    // The checksum first: a flipped bit in the format byte must read as damage, not as a version from the future.
    if stored != actual {
        return Err(StorageError::damaged(place(), format!("its checksum is {actual:08x}, not {stored:08x}")));
    }
    if format == 0 || format > FORMAT {
        return Err(StorageError::FutureFormat { place: place(), found: format, known: FORMAT });
    }
    Ok(())
}

fn checksum(format: u8, key: &[u8], payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&[format]), key);
    crc32c::crc32c_append(crc, payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GroupId;

    fn place() -> Place {
        Place::Log { group: GroupId(1), index: 7 }
    }

    #[test]
    fn what_was_sealed_opens() {
        let record = seal(b"key", b"payload");
        assert_eq!(&open(place, b"key", record).unwrap()[..], b"payload");
    }

    #[test]
    fn any_flipped_bit_is_damage() {
        let record = seal(b"key", b"payload");
        for bit in 0..record.len() * 8 {
            let mut rotten = record.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(open(place, b"key", rotten), Err(StorageError::Damaged { .. })), "bit {bit}");
        }
    }

    #[test]
    fn a_record_under_another_key_is_damage() {
        let record = seal(b"key", b"payload");
        assert!(matches!(open(place, b"kez", record), Err(StorageError::Damaged { .. })));
    }

    #[test]
    fn a_future_format_is_refused_by_name() {
        let mut record = seal(b"key", b"payload");
        record[0] = FORMAT + 1;
        let crc = checksum(FORMAT + 1, b"key", b"payload");
        record[1..HEADER].copy_from_slice(&crc.to_le_bytes());
        let error = open(place, b"key", record).unwrap_err();
        assert!(error.to_string().starts_with("ARG-0203: entry 7 in the log of group 1"), "{error}");
    }
}
