//! The disk of production: one RocksDB instance per node. An adapter, and nothing else.
//!
//! Durability comes from RocksDB's write-ahead log alone: a synced batch is in it and fsynced. Table files are an index that RocksDB
//! writes in its own time.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use rocksdb::{DBCompressionType, DBRecoveryMode, IteratorMode, Options, ReadOptions, WriteBatch, WriteOptions};

use crate::commit::Drive;
use crate::dir::DirLock;
use crate::disk::{Batch, Disk, DiskError, Durability, Op, Visit};
use crate::errors::StorageError;
use crate::identity::{Admission, Identity};
use crate::store::Store;

/// Values from this size on (snapshot chunks) live in blob files, so that compaction does not copy them.
const BLOB_BYTES: u64 = 64 * 1024;

/// RocksDB in a directory, which nobody else may hold open.
pub struct RocksDisk {
    db: rocksdb::DB,
    _lock: Option<DirLock>,
}

impl RocksDisk {
    /// Opens or creates the database in `path`.
    ///
    /// # Errors
    /// When RocksDB refuses: the files are damaged, or cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let db = rocksdb::DB::open(&options(), path).map_err(|error| DiskError::new("open the database", error))?;
        Ok(Self { db, _lock: None })
    }
}

impl Store {
    /// Opens the store of a node in its data directory, creating the directory if it is not there, with a writer thread of its own.
    ///
    /// # Errors
    /// When another process uses the directory, it is empty but should not be, it belongs to somebody else, it is damaged, or the disk
    /// fails.
    pub fn open_dir(path: &Path, identity: Identity, admission: Admission) -> Result<Arc<Self>, StorageError> {
        let lock = DirLock::acquire(path)?;
        let mut disk = RocksDisk::open(&path.join("db"))?;
        disk._lock = Some(lock);
        Self::open(Arc::new(disk), identity, admission, Drive::Thread)
    }
}

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    // A torn last record is what a crash leaves; damage anywhere else must not silently cut off what was synced after it.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_paranoid_checks(true);
    options.set_write_buffer_size(32 * 1024 * 1024);
    options.set_max_write_buffer_number(3);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_enable_blob_files(true);
    options.set_min_blob_size(BLOB_BYTES);
    options.set_enable_blob_gc(true);
    options.set_blob_compression_type(DBCompressionType::Lz4);
    // Our writer is alone, and logs are read mostly by their newest end, which is in memory above us.
    options.set_max_background_jobs(2);
    options.set_max_open_files(512);
    options.set_keep_log_file_num(4);
    options.set_max_total_wal_size(128 * 1024 * 1024);
    options
}

impl Disk for RocksDisk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        self.db.get(key).map_err(|error| DiskError::new("read", error))
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), DiskError> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(from);
        options.set_iterate_upper_bound(to);
        options.set_verify_checksums(true);
        for item in self.db.iterator_opt(IteratorMode::Start, options) {
            let (key, value) = item.map_err(|error| DiskError::new("scan", error))?;
            if let ControlFlow::Break(()) = visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), DiskError> {
        let mut writes = WriteBatch::default();
        for op in batch {
            match op {
                Op::Put(key, value) => writes.put(key, value),
                Op::Delete(key) => writes.delete(key),
                Op::DeleteRange(from, to) => writes.delete_range(from, to),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        self.db.write_opt(writes, &options).map_err(|error| DiskError::new("write", error))
    }
}
