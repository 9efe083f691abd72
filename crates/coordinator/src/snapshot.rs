//! The whole directory as bytes: head, length, content, SHA-256. Equal directories write equal bytes.

use std::io::{self, Read, Write};

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::command::{Node, Placement, Shard};
use crate::directory::Directory;
use crate::tokens::TokenBook;

const MAGIC: [u8; 7] = *b"ARGDIRY";
/// The format that this release writes; see [`Stored`] for those that it reads.
const FORMAT: u8 = 2;
/// Without the book of tokens, as it was before there was one.
const WITHOUT_TOKENS: u8 = 1;
/// A directory of 20,000 clusters takes two megabytes.
const MAX_BYTES: u64 = 1 << 30;

/// Why a stream is no directory that this release can take.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It does not match its hash, or contradicts itself.
    #[error(
        "ARG-0457: the snapshot of the directory is damaged: {what}; take another one, or let the replica be filled from its leader"
    )]
    Damaged {
        /// What does not fit.
        what: &'static str,
    },
    /// It was written by another release.
    #[error(
        "ARG-0458: the snapshot has format {found}, this release reads format {known}; run the release that wrote it"
    )]
    UnknownFormat {
        /// Its format.
        found: u8,
        /// The one that this release reads.
        known: u8,
    },
}

/// What lies in a snapshot of format 1. In format 2 the book of tokens follows it.
#[derive(Serialize, Deserialize)]
struct Stored {
    revision: u64,
    nodes: OrdMap<String, Node>,
    shards: OrdMap<String, Shard>,
    placements: OrdMap<String, Placement>,
    clusters: OrdMap<String, String>,
    domains: OrdMap<(String, String), String>,
    retired_numbers: OrdSet<u64>,
    retired_groups: OrdSet<u64>,
}

impl Directory {
    /// Writes the whole directory.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write_snapshot(&self, out: &mut dyn Write) -> io::Result<()> {
        let bytes = self.bytes();
        out.write_all(&MAGIC)?;
        out.write_all(&[FORMAT])?;
        out.write_all(&(bytes.len() as u64).to_le_bytes())?;
        out.write_all(&bytes)?;
        out.write_all(&Sha256::digest(&bytes))
    }

    /// Reads what [`Self::write_snapshot`] wrote.
    ///
    /// # Errors
    /// Those of `input`, and [`SnapshotError`] if it holds no sound directory.
    pub fn read_snapshot(input: &mut dyn Read) -> Result<Self, SnapshotError> {
        let mut head = [0; 8];
        input.read_exact(&mut head)?;
        if head[..7] != MAGIC {
            return Err(SnapshotError::Damaged { what: "it does not begin like one" });
        }
        let format = head[7];
        if !(WITHOUT_TOKENS..=FORMAT).contains(&format) {
            return Err(SnapshotError::UnknownFormat { found: format, known: FORMAT });
        }
        let mut length = [0; 8];
        input.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_BYTES {
            return Err(SnapshotError::Damaged { what: "it says that it is larger than a directory can be" });
        }
        let mut bytes = Vec::new();
        let read = (&mut *input).take(length).read_to_end(&mut bytes)?;
        let mut stored = [0; 32];
        input.read_exact(&mut stored)?;
        if read as u64 != length || Sha256::digest(&bytes)[..] != stored {
            return Err(SnapshotError::Damaged { what: "its hash does not match" });
        }
        let unreadable = |_| SnapshotError::Damaged { what: "its content cannot be read" };
        let (stored, tokens): (Stored, TokenBook) = match format {
            WITHOUT_TOKENS => (postcard::from_bytes(&bytes).map_err(unreadable)?, TokenBook::default()),
            _ => postcard::from_bytes(&bytes).map_err(unreadable)?,
        };
        let Stored { revision, nodes, shards, placements, clusters, domains, retired_numbers, retired_groups } = stored;
        Ok(Self { revision, nodes, shards, placements, clusters, domains, retired_numbers, retired_groups, tokens })
    }

    /// SHA-256 over everything in the directory. Replicas at the same index have the same.
    pub fn state_hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes()).into()
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { revision, nodes, shards, placements, clusters, domains, retired_numbers, retired_groups, tokens } =
            self.clone();
        let stored = Stored { revision, nodes, shards, placements, clusters, domains, retired_numbers, retired_groups };
        postcard::to_stdvec(&(stored, tokens)).expect("a directory is plain data: encoding into memory cannot fail")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_was_written_before_there_were_tokens_is_read() {
        let mut directory = Directory::new();
        directory.apply(7, b"not a command");
        let stored = Stored {
            revision: 7,
            nodes: OrdMap::new(),
            shards: OrdMap::new(),
            placements: OrdMap::new(),
            clusters: OrdMap::new(),
            domains: OrdMap::new(),
            retired_numbers: OrdSet::new(),
            retired_groups: OrdSet::new(),
        };
        let bytes = postcard::to_stdvec(&stored).expect("plain data");
        let mut old = MAGIC.to_vec();
        old.push(WITHOUT_TOKENS);
        old.extend((bytes.len() as u64).to_le_bytes());
        old.extend(&bytes);
        old.extend(Sha256::digest(&bytes));
        assert_eq!(Directory::read_snapshot(&mut old.as_slice()).expect("readable"), directory);
    }
}
