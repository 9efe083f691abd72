//! The seam to a disk: ordered keys, atomic batches, sync. Everything above it is the same for every disk.
//!
//! Adapters live in [`crate::rocks`] and [`crate::sim_disk`]; [`crate::crash_suite`] holds the test that each must pass.

use std::ops::ControlFlow;

/// How far a batch must have got when [`Disk::write`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Readable. A crash may lose it, together with every later batch that was not synced either.
    Buffered,
    /// Readable, and safe from a crash, together with every earlier batch.
    Synced,
}

/// One change to the ordered map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets a key.
    Put(Vec<u8>, Vec<u8>),
    /// Removes a key, if it is there.
    Delete(Vec<u8>),
    /// Removes every key from the first, inclusive, to the second, exclusive.
    DeleteRange(Vec<u8>, Vec<u8>),
}

impl Op {
    /// Bytes of keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Put(a, b) | Self::DeleteRange(a, b) => a.len() + b.len(),
            Self::Delete(a) => a.len(),
        }
    }
}

/// Changes that happen together or not at all, in order.
pub type Batch = Vec<Op>;

/// The visitor of [`Disk::scan`]; it stops the scan by breaking.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// An ordered map from bytes to bytes on something that survives a crash.
///
/// Rules that every implementation keeps, and that the crash-suite checks:
/// - A batch is atomic: after a crash it is there whole or not at all.
/// - Batches are ordered: if a batch survives a crash, so do all batches written before it.
/// - A batch written as [`Durability::Synced`] survives, once `write` has returned `Ok`.
/// - What `write` accepted is seen by every later read.
/// - After an error from `write`, nothing is promised about what was not synced before, and every later `write` fails too.
pub trait Disk: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// When the disk fails.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError>;

    /// Visits the keys from `from`, inclusive, to `to`, exclusive, in order.
    ///
    /// # Errors
    /// When the disk fails.
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), DiskError>;

    /// Writes a batch. Only one thread writes at a time.
    ///
    /// # Errors
    /// When the disk fails or is full; see the rules above for what holds then.
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), DiskError>;
}

/// A disk operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct DiskError {
    /// What was being done.
    pub operation: &'static str,
    /// What the system said.
    pub reason: String,
}

impl DiskError {
    /// An error of an operation.
    pub fn new(operation: &'static str, reason: impl std::fmt::Display) -> Self {
        Self { operation, reason: reason.to_string() }
    }
}

impl From<DiskError> for crate::StorageError {
    fn from(error: DiskError) -> Self {
        Self::failed(error.operation, error.reason)
    }
}
