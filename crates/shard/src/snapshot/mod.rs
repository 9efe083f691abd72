//! Snapshots: a shard's whole state as a stream of checked frames.
//!
//! Equal states write equal bytes, whatever they look like in memory, so the hash of the stream is the hash of the state.
//! A restored state goes on exactly as the one that was written. Nothing is decoded before its check has been compared.

mod frames;
mod sections;

use std::io::{self, Read, Write};

use thiserror::Error;

use self::frames::{FrameReader, FrameWriter};
use crate::digest::Digest;
use crate::state::ShardState;

/// Why a stream is no snapshot that this release can take.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It does not match its checks, or contradicts itself.
    #[error(
        "ARG-0430: the snapshot is damaged: {what}; take another one, or let the replica be filled from its leader"
    )]
    Damaged {
        /// What does not fit.
        what: &'static str,
    },
    /// It was written by another release.
    #[error(
        "ARG-0433: the snapshot has format {found}, this release reads format {known}; run the release that wrote it"
    )]
    UnknownFormat {
        /// Its format.
        found: u8,
        /// The one that this release reads.
        known: u8,
    },
}

impl ShardState {
    /// Writes the whole state.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write_snapshot(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write_frames(out).map(drop)
    }

    /// Reads what [`Self::write_snapshot`] wrote.
    ///
    /// # Errors
    /// Those of `input`, and [`SnapshotError`] if it holds no sound state.
    pub fn read_snapshot(input: &mut dyn Read) -> Result<Self, SnapshotError> {
        let mut reader = FrameReader::open(input)?;
        let state = sections::read(&mut reader)?;
        reader.finish()?;
        Ok(state)
    }

    /// SHA-256 over everything in the state. Replicas at the same index have the same. It walks the whole state.
    pub fn state_hash(&self) -> Digest {
        self.write_frames(&mut io::sink()).expect("a sink takes everything")
    }

    fn write_frames(&self, out: &mut dyn Write) -> io::Result<Digest> {
        let mut writer = FrameWriter::open(out)?;
        sections::write(self, &mut writer)?;
        writer.finish()
    }
}
