//! The lock on a data directory: one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::errors::StorageError;

/// Held for as long as the directory is in use; the system lets go of it when the process ends, however it ends.
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Creates the directory if need be, and locks it.
    pub(crate) fn acquire(path: &Path) -> Result<Self, StorageError> {
        std::fs::create_dir_all(path).map_err(|error| StorageError::failed("create the data directory", error))?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("LOCK"))
            .map_err(|error| StorageError::failed("open the lock of the data directory", error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StorageError::Locked { path: path.display().to_string() }),
            Err(TryLockError::Error(error)) => Err(StorageError::failed("lock the data directory", error)),
        }
    }
}
