//! Planted bugs that bend a disk, as the store above it would if it were wrong: a sync that is skipped, a truncation that is forgotten.
//!
//! The others are switches in the code of the product; `argosy_failpoint` lists them all. A world with one of them must break a promise.

use std::sync::Arc;

use argosy_failpoint::Planted;
use argosy_storage::{Batch, Disk, DiskError, Durability, Op, Visit};

/// A disk with this bug over a sound one; the sound one, if the bug is elsewhere.
pub(crate) fn over(bug: Planted, disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
    Arc::new(Bent { disk, bug })
}

struct Bent {
    disk: Arc<dyn Disk>,
    bug: Planted,
}

const LOG: u8 = b'l';
const CELL: u8 = b'c';
const SNAPSHOT: u8 = b's';
const IDENTITY: u8 = b'i';

fn is_put(op: &Op, kind: u8, ending: &[u8]) -> bool {
    matches!(op, Op::Put(key, _) if key.first() == Some(&kind) && key.ends_with(ending))
}

fn removes_log(op: &Op) -> bool {
    match op {
        Op::Delete(key) | Op::DeleteRange(key, _) => key.first() == Some(&LOG),
        Op::Put(..) => false,
    }
}

impl Bent {
    /// What is left of a batch.
    fn bend(&self, mut batch: Batch) -> Batch {
        match self.bug {
            Planted::TruncationForgotten => batch.retain(|op| !removes_log(op)),
            Planted::SnapshotForgotten => batch.retain(|op| !is_put(op, SNAPSHOT, b"")),
            Planted::PurgeMarkForgotten => batch.retain(|op| !is_put(op, CELL, b"log-start")),
            Planted::VoteForgotten => batch.retain(|op| !is_put(op, CELL, b"vote")),
            Planted::LastEntryForgotten => {
                let entries = batch.iter().filter(|op| is_put(op, LOG, b"")).count();
                let last = batch.iter().rposition(|op| is_put(op, LOG, b"")).filter(|_| entries > 1);
                if let Some(last) = last {
                    batch.remove(last);
                }
            }
            _ => {}
        }
        batch
    }
}

impl Disk for Bent {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DiskError> {
        if self.bug == Planted::IdentityForgotten && key == [IDENTITY] {
            return Ok(None);
        }
        self.disk.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), DiskError> {
        self.disk.scan(from, to, visit)
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), DiskError> {
        let batch = self.bend(batch);
        match self.bug {
            Planted::SyncSkipped => self.disk.write(batch, Durability::Buffered),
            Planted::BatchTorn => {
                let mut durability = durability;
                for op in batch {
                    self.disk.write(vec![op], durability)?;
                    durability = Durability::Buffered;
                }
                Ok(())
            }
            _ => self.disk.write(batch, durability),
        }
    }
}
