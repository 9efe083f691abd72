//! The test that every disk must pass, and the store over it: whatever was promised before a crash is there after it.
//!
//! A [`CrashBed`] is a disk that a test can crash. [`disk_keeps_its_rules`] holds the rules of [`Disk`](crate::Disk) against a model;
//! [`store_keeps_what_it_acknowledged`] does the same for logs, cells and snapshots. Both panic with the seed's round when a rule breaks.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::commit::Drive;
use crate::disk::{Batch, Disk, Durability, Op};
use crate::group::GroupStore;
use crate::identity::{Admission, Identity};
use crate::ids::{GroupId, InstanceId, NodeId};
use crate::store::Store;

/// A disk that can be crashed.
pub trait CrashBed {
    /// Opens the disk, after the first start or after a crash.
    fn open(&mut self) -> Arc<dyn Disk>;

    /// Takes the power away: what was not synced may be lost. Every handle to the disk was dropped before.
    fn crash(&mut self);
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Checks, over `rounds` crashes, that batches are atomic and ordered, that synced ones survive, and that reads see what was written.
///
/// # Panics
/// When a rule does not hold.
pub fn disk_keeps_its_rules(bed: &mut impl CrashBed, seed: u64, rounds: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Every state that a crash now may leave, oldest first: the one of the last sync, and one more for each batch since.
    let mut history = vec![Map::new()];
    for round in 0..rounds {
        let disk = bed.open();
        let found = contents(disk.as_ref());
        let survived = history.iter().rposition(|state| *state == found);
        let Some(survived) = survived else {
            panic!("round {round}: what the crash left is no state between the last sync and the crash");
        };
        history = vec![history.swap_remove(survived)];
        for _ in 0..random.random_range(1..40) {
            let batch = random_batch(&mut random);
            let durability = if random.random_bool(0.3) { Durability::Synced } else { Durability::Buffered };
            let mut state = history.last().expect("there is always a state").clone();
            apply(&mut state, &batch);
            disk.write(batch, durability).expect("a healthy disk writes");
            if durability == Durability::Synced {
                history.clear();
            }
            history.push(state);
        }
        let state = history.last().expect("there is always a state");
        assert_eq!(&contents(disk.as_ref()), state, "round {round}: reads see what was written");
        for (key, value) in state {
            assert_eq!(disk.get(key).expect("a healthy disk reads").as_ref(), Some(value), "round {round}");
        }
        drop(disk);
        bed.crash();
    }
}

fn contents(disk: &dyn Disk) -> Map {
    let mut found = Map::new();
    let mut last = Vec::new();
    disk.scan(b"k", b"l", &mut |key, value| {
        assert!(last.as_slice() < key, "a scan visits keys in order");
        last = key.to_vec();
        found.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    })
    .expect("a healthy disk reads");
    found
}

fn random_batch(random: &mut ChaCha8Rng) -> Batch {
    let key = |random: &mut ChaCha8Rng| format!("k{:02}", random.random_range(0..50)).into_bytes();
    let count = random.random_range(1..8);
    let mut batch = Vec::new();
    for _ in 0..count {
        batch.push(match random.random_range(0..10) {
            0 => Op::Delete(key(random)),
            1 => {
                let (a, b) = (key(random), key(random));
                Op::DeleteRange(a.clone().min(b.clone()), a.max(b))
            }
            _ => {
                let mut value = vec![0; random.random_range(0..200)];
                random.fill(&mut value[..]);
                Op::Put(key(random), value)
            }
        });
    }
    batch
}

fn apply(state: &mut Map, batch: &[Op]) {
    for op in batch {
        match op {
            Op::Put(key, value) => drop(state.insert(key.clone(), value.clone())),
            Op::Delete(key) => drop(state.remove(key)),
            Op::DeleteRange(from, to) => state.retain(|key, _| key < from || key >= to),
        }
    }
}

/// What a test knows of one group: what it wrote, and how much of that was acknowledged.
#[derive(Default)]
struct Expected {
    first: u64,
    /// Every record by index, as last appended.
    records: BTreeMap<u64, Bytes>,
    /// Entries up to this index, exclusive, were acknowledged and not removed since.
    acknowledged: Arc<Mutex<Acknowledged>>,
    votes: u64,
    snapshots: u64,
}

#[derive(Default)]
struct Acknowledged {
    next: u64,
    vote: u64,
    snapshot: u64,
    /// Counts truncations, so that an acknowledgement from before one does not count for what replaced it.
    epoch: u64,
}

/// Checks, over `rounds` crashes, that acknowledged entries, cells and snapshots of several groups survive, that logs have no holes, and
/// that acknowledgements never outrun syncs.
///
/// # Panics
/// When a rule does not hold.
pub fn store_keeps_what_it_acknowledged(bed: &mut impl CrashBed, seed: u64, rounds: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut groups: Vec<Expected> = (0..3).map(|_| Expected::default()).collect();
    for round in 0..rounds {
        let identity =
            Identity { cluster: "suite".parse().expect("a valid id"), node: NodeId(1), instance: InstanceId(seed) };
        let admission = if round == 0 { Admission::Bootstrap } else { Admission::Resume };
        let store = Store::open(bed.open(), identity, admission, Drive::by_hand())
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
        let opened: Vec<_> = (1..)
            .zip(&mut groups)
            .map(|(id, expected)| {
                let group = store.group(GroupId(id)).unwrap_or_else(|error| panic!("round {round}: {error}"));
                check(round, &group, expected);
                group
            })
            .collect();
        for _ in 0..random.random_range(1..60) {
            let pick = random.random_range(0..opened.len());
            act(&mut random, &opened[pick], &mut groups[pick]);
            if random.random_bool(0.3) {
                store.commit_pending();
            }
            let counters = store.counters();
            assert!(counters.acknowledged <= counters.synced, "round {round}: {counters:?}");
        }
        drop((opened, store));
        bed.crash();
    }
}

fn act(random: &mut ChaCha8Rng, group: &GroupStore, expected: &mut Expected) {
    let range = group.range();
    match random.random_range(0..12) {
        0 if range.end > range.start => {
            let next = random.random_range(range.start..range.end);
            expected.records.retain(|index, _| *index < next);
            let mut acknowledged = lock(&expected.acknowledged);
            acknowledged.next = acknowledged.next.min(next);
            acknowledged.epoch += 1;
            drop(acknowledged);
            group.truncate(next);
        }
        1 if range.end > range.start => {
            let first = random.random_range(range.start..=range.end);
            expected.first = first;
            group.purge(first, &first.to_le_bytes());
        }
        2 => {
            expected.votes += 1;
            let (vote, acknowledged) = (expected.votes, expected.acknowledged.clone());
            let done = Box::new(move |outcome: Result<(), _>| {
                if outcome.is_ok() {
                    lock(&acknowledged).vote = vote;
                }
            });
            group.set_cell("vote", &vote.to_le_bytes(), Durability::Synced, Some(done));
        }
        3 => snapshot(group, expected),
        _ => {
            let records: Vec<Bytes> = (0..random.random_range(1..5))
                .map(|_| {
                    let mut record = vec![0; random.random_range(0..300)];
                    random.fill(&mut record[..]);
                    record.into()
                })
                .collect();
            expected.records.extend((range.end..).zip(records.iter().cloned()));
            let (end, acknowledged) = (range.end + records.len() as u64, expected.acknowledged.clone());
            let epoch = lock(&acknowledged).epoch;
            let done = Box::new(move |outcome: Result<(), _>| {
                let mut acknowledged = lock(&acknowledged);
                if outcome.is_ok() && acknowledged.epoch == epoch {
                    acknowledged.next = acknowledged.next.max(end);
                }
            });
            group.append(range.end, records, done);
            let read = group.read(range.end..end, usize::MAX).expect("what was appended can be read");
            assert_eq!(read.len() as u64, end - range.end, "an entry is readable as soon as it is appended");
        }
    }
}

fn snapshot(group: &GroupStore, expected: &mut Expected) {
    use std::io::Write as _;
    expected.snapshots += 1;
    let number = expected.snapshots;
    let mut writer = group.write_snapshot();
    writer.write_all(&body(number)).expect("a healthy disk writes");
    let (current, acknowledged) = (group.clone(), expected.acknowledged.clone());
    let finished = writer.finish(&number.to_le_bytes(), move |snapshot| {
        let Ok(snapshot) = snapshot else { return };
        let done = Box::new(move |outcome: Result<(), _>| {
            if outcome.is_ok() {
                lock(&acknowledged).snapshot = number;
            }
        });
        current.make_current(&snapshot, done);
    });
    finished.expect("a healthy disk writes");
}

fn body(number: u64) -> Vec<u8> {
    let bytes = usize::try_from(number % 3).expect("small") * crate::snapshot::CHUNK_BYTES + 17;
    (0..bytes).map(|at| (at as u64).wrapping_mul(31).wrapping_add(number).to_le_bytes()[0]).collect()
}

/// Checks what a crash left of a group, and makes that the expectation.
fn check(round: usize, group: &GroupStore, expected: &mut Expected) {
    use std::io::Read as _;
    let range = group.range();
    let acknowledged = std::mem::take(&mut *lock(&expected.acknowledged));
    assert!(range.start <= expected.first, "round {round}: nobody purged up to {}", range.start);
    assert!(
        range.end >= acknowledged.next.max(range.start),
        "round {round}: entries up to {} were acknowledged, the log ends at {}",
        acknowledged.next,
        range.end
    );
    let read = group.read(range.clone(), usize::MAX).expect("the log is whole");
    assert_eq!(read.len() as u64, range.end - range.start, "round {round}");
    for (index, record) in (range.start..).zip(&read) {
        // Beyond what was acknowledged, a truncation may have been lost: then the older record is there, which is no breach.
        if index < acknowledged.next {
            assert_eq!(expected.records.get(&index), Some(record), "round {round}: acknowledged entry {index}");
        }
    }
    let vote = group.cell("vote").map_or(0, |vote| u64::from_le_bytes(vote[..].try_into().expect("eight bytes")));
    assert!(
        vote >= acknowledged.vote && vote <= expected.votes,
        "round {round}: vote {vote}, acknowledged {}",
        acknowledged.vote
    );
    let number = group.snapshot().map_or(0, |snapshot| {
        let number = u64::from_le_bytes(snapshot.meta()[..].try_into().expect("eight bytes"));
        let mut read = Vec::new();
        snapshot.reader().read_to_end(&mut read).expect("the current snapshot is whole");
        assert_eq!(read, body(number), "round {round}: snapshot {number}");
        number
    });
    assert!(
        number >= acknowledged.snapshot,
        "round {round}: snapshot {number}, acknowledged {}",
        acknowledged.snapshot
    );
    expected.first = range.start;
    expected.records = (range.start..).zip(read).collect();
    // What the crash left is durable: from here on all of it counts as acknowledged.
    *lock(&expected.acknowledged) = Acknowledged { next: range.end, vote, snapshot: number, epoch: 0 };
}

fn lock(acknowledged: &Mutex<Acknowledged>) -> std::sync::MutexGuard<'_, Acknowledged> {
    acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
}
