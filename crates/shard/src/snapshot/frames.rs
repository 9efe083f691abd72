//! Frames: `[section u8][length u32 LE][payload][check 8 bytes]`, after a head of magic and format, closed by an empty
//! frame of section 255 and the SHA-256 of all before it. A frame's check is the first 8 bytes of the running SHA-256.

use std::io::{Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SnapshotError;
use crate::digest::{Digest, Hasher};

const MAGIC: [u8; 7] = *b"ARGSHRD";
/// The format that this release writes and reads.
const FORMAT: u8 = 3;
/// A frame is closed once it holds this much.
const FRAME_BYTES: usize = 256 * 1024;
/// No frame is longer: a single record may run over [`FRAME_BYTES`], but not without bound.
const MAX_FRAME_BYTES: u32 = 64 * 1024 * 1024;
const END: u8 = 255;

/// Writes frames.
pub(super) struct FrameWriter<'a> {
    out: &'a mut dyn Write,
    hasher: Hasher,
    section: u8,
    payload: Vec<u8>,
}

impl<'a> FrameWriter<'a> {
    pub(super) fn open(out: &'a mut dyn Write) -> std::io::Result<Self> {
        let mut writer = Self { out, hasher: Hasher::default(), section: 0, payload: Vec::new() };
        writer.put(&MAGIC)?;
        writer.put(&[FORMAT])?;
        Ok(writer)
    }

    /// Adds a record to a section. Sections come in rising order.
    pub(super) fn record(&mut self, section: u8, record: &impl Serialize) -> std::io::Result<()> {
        self.enter(section)?;
        let payload = std::mem::take(&mut self.payload);
        self.payload =
            postcard::to_extend(record, payload).expect("a record is plain data: encoding into memory cannot fail");
        if self.payload.len() >= FRAME_BYTES { self.flush() } else { Ok(()) }
    }

    /// Adds a long record to a section, cut over as many frames as it takes.
    pub(super) fn bytes(&mut self, section: u8, bytes: &[u8]) -> std::io::Result<()> {
        self.enter(section)?;
        for piece in bytes.chunks(FRAME_BYTES) {
            self.payload.extend_from_slice(piece);
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> std::io::Result<Digest> {
        self.flush()?;
        self.section = END;
        self.frame(&[])?;
        let digest = self.hasher.finish();
        self.out.write_all(&digest.0)?;
        Ok(digest)
    }

    fn enter(&mut self, section: u8) -> std::io::Result<()> {
        assert!(section >= self.section && section < END, "sections come in rising order");
        if section != self.section {
            self.flush()?;
        }
        self.section = section;
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.payload.is_empty() {
            return Ok(());
        }
        let payload = std::mem::take(&mut self.payload);
        self.frame(&payload)?;
        self.payload = payload;
        self.payload.clear();
        Ok(())
    }

    fn frame(&mut self, payload: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(payload.len()).expect("a frame is bounded");
        self.put(&[self.section])?;
        self.put(&length.to_le_bytes())?;
        self.put(payload)?;
        let check = self.hasher.clone().finish();
        self.put(&check.0[..8])
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Reads frames, each checked before it is handed out.
pub(super) struct FrameReader<'a> {
    input: &'a mut dyn Read,
    hasher: Hasher,
    section: u8,
    payload: Vec<u8>,
}

impl<'a> FrameReader<'a> {
    pub(super) fn open(input: &'a mut dyn Read) -> Result<Self, SnapshotError> {
        let mut reader = Self { input, hasher: Hasher::default(), section: 0, payload: Vec::new() };
        let [magic @ .., format] = reader.take::<8>()?;
        if magic != MAGIC {
            return Err(SnapshotError::Damaged { what: "it does not begin like one" });
        }
        if format != FORMAT {
            return Err(SnapshotError::UnknownFormat { found: format, known: FORMAT });
        }
        reader.next()?;
        Ok(reader)
    }

    /// All records of a section, each handed to `each`.
    pub(super) fn records<T: DeserializeOwned>(
        &mut self,
        section: u8,
        mut each: impl FnMut(T) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        while self.section == section {
            let mut rest = self.payload.as_slice();
            while !rest.is_empty() {
                let malformed = SnapshotError::Damaged { what: "a record cannot be read" };
                let (record, after) = postcard::take_from_bytes(rest).map_err(|_| malformed)?;
                rest = after;
                each(record)?;
            }
            self.next()?;
        }
        Ok(())
    }

    /// The one record of a section that was cut over frames.
    pub(super) fn bytes(&mut self, section: u8) -> Result<Vec<u8>, SnapshotError> {
        let mut bytes = Vec::new();
        while self.section == section {
            bytes.append(&mut self.payload);
            self.next()?;
        }
        Ok(bytes)
    }

    /// Checks that the stream ends here, with the hash of all of it.
    pub(super) fn finish(mut self) -> Result<(), SnapshotError> {
        if self.section != END {
            return Err(SnapshotError::Damaged { what: "it holds a section that does not belong there" });
        }
        let digest = self.hasher.clone().finish();
        let stored: [u8; 32] = self.take()?;
        if stored == digest.0 { Ok(()) } else { Err(SnapshotError::Damaged { what: "its hash does not match" }) }
    }

    fn next(&mut self) -> Result<(), SnapshotError> {
        let [section] = self.take()?;
        let length = u32::from_le_bytes(self.take()?);
        if section < self.section || length > MAX_FRAME_BYTES {
            return Err(SnapshotError::Damaged { what: "a frame has an impossible head" });
        }
        let mut payload = Vec::new();
        let read = (&mut *self.input).take(u64::from(length)).read_to_end(&mut payload)?;
        if read != length as usize {
            return Err(SnapshotError::Damaged { what: "it ends too early" });
        }
        self.hasher.update(&payload);
        let check = self.hasher.clone().finish();
        let stored: [u8; 8] = self.take()?;
        if stored != check.0[..8] {
            return Err(SnapshotError::Damaged { what: "a frame does not match its check" });
        }
        self.section = section;
        self.payload = payload;
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}
