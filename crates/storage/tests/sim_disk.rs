//! The simulated disk passes the crash-suite; disks and stores that break a rule do not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use argosy_storage::crash_suite::{CrashBed, disk_keeps_its_rules, store_keeps_what_it_acknowledged};
use argosy_storage::sim_disk::SimDisk;
use argosy_storage::{Batch, Disk, DiskError, Durability, Op, Visit};

struct Honest(SimDisk);

impl CrashBed for Honest {
    fn open(&mut self) -> Arc<dyn Disk> {
        self.0.handle()
    }

    fn crash(&mut self) {
        self.0.crash();
    }
}

/// How a planted disk breaks its promise.
#[derive(Clone, Copy)]
enum Flaw {
    /// It reports a sync that it did not do.
    ForgetsToSync,
    /// It writes the operations of a batch one by one.
    TearsBatches,
    /// It writes a buffered batch only after the next one.
    Reorders,
}

struct Planted {
    disk: SimDisk,
    flaw: Flaw,
}

impl CrashBed for Planted {
    fn open(&mut self) -> Arc<dyn Disk> {
        Arc::new(PlantedDisk { disk: self.disk.handle(), flaw: self.flaw, late: std::sync::Mutex::default() })
    }

    fn crash(&mut self) {
        self.disk.crash();
    }
}

struct PlantedDisk {
    disk: Arc<dyn Disk>,
    flaw: Flaw,
    late: std::sync::Mutex<Vec<Batch>>,
}

impl Disk for PlantedDisk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        self.disk.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), DiskError> {
        self.disk.scan(from, to, visit)
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), DiskError> {
        match self.flaw {
            Flaw::ForgetsToSync => self.disk.write(batch, Durability::Buffered),
            Flaw::TearsBatches => batch.into_iter().try_for_each(|op| self.disk.write(vec![op], durability)),
            Flaw::Reorders => {
                let mut late = self.late.lock().unwrap();
                if late.is_empty() && durability == Durability::Buffered {
                    late.push(batch);
                    return Ok(());
                }
                self.disk.write(batch, durability)?;
                late.drain(..).try_for_each(|batch| self.disk.write(batch, durability))
            }
        }
    }
}

fn fails(run: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}

#[test]
fn the_simulated_disk_keeps_the_rules_of_a_disk() {
    for seed in 0..20 {
        disk_keeps_its_rules(&mut Honest(SimDisk::new(seed)), seed, 50);
    }
}

#[test]
fn the_store_keeps_what_it_acknowledged_over_crashes() {
    for seed in 0..20 {
        store_keeps_what_it_acknowledged(&mut Honest(SimDisk::new(seed)), seed, 40);
    }
}

#[test]
fn the_suite_finds_a_disk_that_forgets_to_sync() {
    let planted = |seed| Planted { disk: SimDisk::new(seed), flaw: Flaw::ForgetsToSync };
    assert!(fails(|| disk_keeps_its_rules(&mut planted(1), 1, 50)));
    assert!(fails(|| store_keeps_what_it_acknowledged(&mut planted(1), 1, 40)));
}

#[test]
fn the_suite_finds_a_disk_that_tears_batches() {
    assert!(fails(|| disk_keeps_its_rules(&mut Planted { disk: SimDisk::new(1), flaw: Flaw::TearsBatches }, 1, 50)));
}

#[test]
fn the_suite_finds_a_disk_that_reorders_batches() {
    assert!(fails(|| disk_keeps_its_rules(&mut Planted { disk: SimDisk::new(1), flaw: Flaw::Reorders }, 1, 50)));
}

#[test]
fn the_durable_view_shows_what_a_crash_cannot_take() {
    let disk = SimDisk::new(1);
    let handle = disk.handle();
    handle.write(vec![Op::Put(b"a".to_vec(), b"1".to_vec())], Durability::Synced).unwrap();
    handle.write(vec![Op::Put(b"b".to_vec(), b"2".to_vec())], Durability::Buffered).unwrap();
    let durable = disk.durable();
    assert_eq!((durable.get(b"a").unwrap(), durable.get(b"b").unwrap()), (Some(b"1".to_vec()), None));
    assert!(durable.write(Vec::new(), Durability::Buffered).is_err());
}
