//! A disk in memory that forgets, tears, rots and fills up, from a seed.
//!
//! Batches that were not synced live in an imagined write-ahead log. A crash cuts that log at a random byte: whole batches before the cut
//! survive, the torn one and everything after it are lost, which is what a log with checksums recovers to.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::disk::{Batch, Disk, DiskError, Durability, Op, Visit};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// The platter: what outlives a crash. Clones are the same platter.
#[derive(Clone)]
pub struct SimDisk {
    platter: Arc<Mutex<Platter>>,
}

struct Platter {
    random: ChaCha8Rng,
    /// What a crash cannot take.
    durable: Map,
    /// What a read sees: `durable` and every pending batch.
    view: Map,
    /// Written but not synced, oldest first.
    pending: Vec<Batch>,
    /// Counts the times the power came on; handles of an earlier time are dead.
    life: u64,
    capacity_bytes: Option<usize>,
    fail_next_sync: bool,
    broken: bool,
    syncs: u64,
}

/// What the disk has been through, for assertions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimDiskStats {
    /// Syncs that succeeded.
    pub syncs: u64,
    /// Batches that a crash could take now.
    pub pending_batches: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
}

impl SimDisk {
    /// An empty disk. Equal seeds and equal use give equal crashes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let platter = Platter {
            random: ChaCha8Rng::seed_from_u64(seed),
            durable: Map::new(),
            view: Map::new(),
            pending: Vec::new(),
            life: 0,
            capacity_bytes: None,
            fail_next_sync: false,
            broken: false,
            syncs: 0,
        };
        Self { platter: Arc::new(Mutex::new(platter)) }
    }

    /// A handle for one life of a process. It is dead after the next [`crash`](Self::crash).
    #[must_use]
    pub fn handle(&self) -> Arc<SimDiskHandle> {
        let life = self.lock().life;
        Arc::new(SimDiskHandle { disk: self.clone(), life })
    }

    /// The power goes: some of what was not synced is lost, the last of it torn. Handles die; [`handle`](Self::handle) gives new ones.
    pub fn crash(&self) {
        let mut platter = self.lock();
        let lengths: Vec<usize> =
            platter.pending.iter().map(|batch| batch.iter().map(Op::bytes).sum::<usize>() + 1).collect();
        let cut = platter.random.random_range(0..=lengths.iter().sum::<usize>());
        let mut end = 0;
        let survivors = lengths.iter().take_while(|length| {
            end += **length;
            end <= cut
        });
        let survivors = survivors.count();
        let pending = std::mem::take(&mut platter.pending);
        for batch in pending.into_iter().take(survivors) {
            apply(&mut platter.durable, &batch);
        }
        platter.view = platter.durable.clone();
        platter.life += 1;
        platter.fail_next_sync = false;
        platter.broken = false;
    }

    /// The next sync fails. Nobody knows what of the pending batches reached the platter.
    pub fn fail_next_sync(&self) {
        self.lock().fail_next_sync = true;
    }

    /// Writes that would take more than this many bytes of keys and values fail; `None` lifts the limit.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.lock().capacity_bytes = bytes;
    }

    /// Flips one random bit in the value of one random key that `pick` accepts, on the platter, and returns the key.
    pub fn rot(&self, pick: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let mut platter = self.lock();
        let keys: Vec<_> = platter
            .durable
            .iter()
            .filter(|(key, value)| pick(key) && !value.is_empty())
            .map(|(key, _)| key.clone())
            .collect();
        if keys.is_empty() {
            return None;
        }
        let key = keys[platter.random.random_range(0..keys.len())].clone();
        let mut value = platter.durable[&key].clone();
        let bit = platter.random.random_range(0..value.len() * 8);
        value[bit / 8] ^= 1 << (bit % 8);
        platter.durable.insert(key.clone(), value.clone());
        platter.view.insert(key.clone(), value);
        Some(key)
    }

    /// Removes one key from the platter, as a lost sector would.
    pub fn lose(&self, key: &[u8]) {
        let mut platter = self.lock();
        platter.durable.remove(key);
        platter.view.remove(key);
    }

    /// What a crash cannot take, to be read while the disk is in use. It refuses writes.
    #[must_use]
    pub fn durable(&self) -> Arc<dyn Disk> {
        Arc::new(Durable(self.clone()))
    }

    /// What the disk has been through.
    #[must_use]
    pub fn stats(&self) -> SimDiskStats {
        let platter = self.lock();
        SimDiskStats { syncs: platter.syncs, pending_batches: platter.pending.len(), bytes: bytes(&platter.view) }
    }

    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.platter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`SimDisk`] as one process sees it, until the power goes.
pub struct SimDiskHandle {
    disk: SimDisk,
    life: u64,
}

impl SimDiskHandle {
    fn powered(&self, operation: &'static str) -> Result<MutexGuard<'_, Platter>, DiskError> {
        let platter = self.disk.lock();
        if platter.life == self.life { Ok(platter) } else { Err(DiskError::new(operation, "the power went")) }
    }
}

/// The part of a [`SimDisk`] that a crash cannot take.
struct Durable(SimDisk);

impl Disk for Durable {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        Ok(self.0.lock().durable.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), DiskError> {
        let found = range(&self.0.lock().durable, from, to);
        visit_all(&found, visit);
        Ok(())
    }

    fn write(&self, _: Batch, _: Durability) -> Result<(), DiskError> {
        Err(DiskError::new("write", "this is a view"))
    }
}

impl Disk for SimDiskHandle {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        Ok(self.powered("read")?.view.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), DiskError> {
        let found = range(&self.powered("scan")?.view, from, to);
        visit_all(&found, visit);
        Ok(())
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), DiskError> {
        let mut platter = self.powered("write")?;
        if platter.broken {
            return Err(DiskError::new("write", "an earlier write failed"));
        }
        let added: usize = batch.iter().map(Op::bytes).sum();
        if platter.capacity_bytes.is_some_and(|capacity| bytes(&platter.view) + added > capacity) {
            platter.broken = true;
            return Err(DiskError::new("write", "no space left on device"));
        }
        apply(&mut platter.view, &batch);
        platter.pending.push(batch);
        if durability == Durability::Buffered {
            return Ok(());
        }
        if std::mem::take(&mut platter.fail_next_sync) {
            platter.broken = true;
            return Err(DiskError::new("sync", "input/output error"));
        }
        for batch in std::mem::take(&mut platter.pending) {
            apply(&mut platter.durable, &batch);
        }
        platter.syncs += 1;
        Ok(())
    }
}

/// Copied, so that the visitor may use the disk.
fn range(map: &Map, from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    if from >= to {
        return Vec::new();
    }
    map.range(from.to_vec()..to.to_vec()).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn visit_all(found: &[(Vec<u8>, Vec<u8>)], visit: &mut Visit<'_>) {
    for (key, value) in found {
        if let ControlFlow::Break(()) = visit(key, value) {
            break;
        }
    }
}

fn apply(map: &mut Map, batch: &[Op]) {
    for op in batch {
        match op {
            Op::Put(key, value) => {
                map.insert(key.clone(), value.clone());
            }
            Op::Delete(key) => {
                map.remove(key);
            }
            Op::DeleteRange(from, to) if from < to => {
                let gone: Vec<_> = map.range(from.clone()..to.clone()).map(|(key, _)| key.clone()).collect();
                for key in gone {
                    map.remove(&key);
                }
            }
            Op::DeleteRange(..) => {}
        }
    }
}

fn bytes(map: &Map) -> usize {
    map.iter().map(|(key, value)| key.len() + value.len()).sum()
}
