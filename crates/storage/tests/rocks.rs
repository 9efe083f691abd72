//! RocksDB passes the same crash-suite as the simulated disk.
//!
//! A process cannot take the power from its own page cache, so the bed does what a power cut does to the files: it notes how long the
//! write-ahead log was at the last sync, and a crash cuts the log at a random byte after that.
#![cfg(feature = "rocksdb")]

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use argosy_storage::crash_suite::{CrashBed, disk_keeps_its_rules, store_keeps_what_it_acknowledged};
use argosy_storage::rocks::RocksDisk;
use argosy_storage::{
    Admission, Batch, Disk, DiskError, Durability, GroupId, Identity, InstanceId, NodeId, StorageError, Store, Visit,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Lengths = HashMap<PathBuf, u64>;

struct RocksBed {
    dir: tempfile::TempDir,
    random: ChaCha8Rng,
    synced: Arc<Mutex<Lengths>>,
}

impl RocksBed {
    fn new(seed: u64) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), random: ChaCha8Rng::seed_from_u64(seed), synced: Arc::default() }
    }
}

fn logs(dir: &Path) -> Lengths {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let logs = entries.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.map(|path| (path.clone(), fs::metadata(&path).unwrap().len())).collect()
}

impl CrashBed for RocksBed {
    fn open(&mut self) -> Arc<dyn Disk> {
        let disk = RocksDisk::open(self.dir.path()).unwrap();
        *self.synced.lock().unwrap() = logs(self.dir.path());
        Arc::new(Watched { disk, dir: self.dir.path().to_owned(), synced: self.synced.clone() })
    }

    fn crash(&mut self) {
        let synced = self.synced.lock().unwrap();
        for (path, length) in logs(self.dir.path()) {
            let safe = synced.get(&path).copied().unwrap_or(0);
            let cut = self.random.random_range(safe..=length);
            OpenOptions::new().write(true).open(path).unwrap().set_len(cut).unwrap();
        }
    }
}

/// Notes how much of the write-ahead log each sync covered.
struct Watched {
    disk: RocksDisk,
    dir: PathBuf,
    synced: Arc<Mutex<Lengths>>,
}

impl Disk for Watched {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        self.disk.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), DiskError> {
        self.disk.scan(from, to, visit)
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), DiskError> {
        self.disk.write(batch, durability)?;
        if durability == Durability::Synced {
            *self.synced.lock().unwrap() = logs(&self.dir);
        }
        Ok(())
    }
}

fn identity(node: u64) -> Identity {
    Identity { cluster: "test".parse().unwrap(), node: NodeId(node), instance: InstanceId::random() }
}

#[test]
fn rocksdb_keeps_the_rules_of_a_disk() {
    disk_keeps_its_rules(&mut RocksBed::new(1), 1, 25);
}

#[test]
fn the_store_keeps_what_it_acknowledged_over_rocksdb() {
    store_keeps_what_it_acknowledged(&mut RocksBed::new(2), 2, 15);
}

#[test]
fn a_directory_serves_one_process_and_one_node() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_dir(dir.path(), identity(1), Admission::Bootstrap).unwrap();
    let instance = store.identity().instance;
    assert!(matches!(Store::open_dir(dir.path(), identity(1), Admission::Resume), Err(StorageError::Locked { .. })));
    drop(store);
    assert!(matches!(Store::open_dir(dir.path(), identity(2), Admission::Resume), Err(StorageError::Foreign { .. })));
    let again = Store::open_dir(dir.path(), identity(1), Admission::Resume).unwrap();
    assert_eq!(again.identity().instance, instance);
    drop(again);
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open_dir(empty.path(), identity(1), Admission::Resume), Err(StorageError::Empty { .. })));
}

#[test]
fn a_damaged_write_ahead_log_is_refused_and_not_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_dir(dir.path(), identity(1), Admission::Bootstrap).unwrap();
    let group = store.group(GroupId(1)).unwrap();
    for index in 0..200 {
        group.append(index, vec![vec![7; 400].into()], Box::new(|outcome| outcome.unwrap()));
    }
    store.close();
    drop((group, store));
    let (path, length) = logs(&dir.path().join("db")).into_iter().max_by_key(|(_, length)| *length).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = usize::try_from(length / 2).unwrap();
    bytes[middle] ^= 0x40;
    fs::write(&path, bytes).unwrap();
    let reopened = Store::open_dir(dir.path(), identity(1), Admission::Resume)
        .and_then(|store| store.group(GroupId(1)).map(|_| ()));
    assert!(reopened.is_err(), "entries that were acknowledged must not vanish silently");
}
