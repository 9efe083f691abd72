//! The rules of the store, over the simulated disk, step by step.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use argosy_storage::sim_disk::SimDisk;
use argosy_storage::{
    Admission, CHUNK_BYTES, Completion, Drive, Durability, GroupId, GroupStore, Identity, InstanceId, NodeId,
    StorageError, Store,
};

fn identity(node: u64, instance: u64) -> Identity {
    Identity { cluster: "test".parse().unwrap(), node: NodeId(node), instance: InstanceId(instance) }
}

fn open(disk: &SimDisk) -> Arc<Store> {
    Store::open(disk.handle(), identity(1, 7), Admission::Bootstrap, Drive::by_hand()).unwrap()
}

fn commit(store: &Store) {
    while store.commit_pending() {}
}

type Outcomes = Arc<Mutex<Vec<(u64, bool)>>>;

fn note(outcomes: &Outcomes, tag: u64) -> Completion {
    let outcomes = outcomes.clone();
    Box::new(move |outcome| outcomes.lock().unwrap().push((tag, outcome.is_ok())))
}

fn records(count: u64) -> Vec<bytes::Bytes> {
    (0..count).map(|at| format!("record {at}").into()).collect()
}

fn append(group: &GroupStore, count: u64) {
    group.append(group.range().end, records(count), Box::new(|_| {}));
}

#[test]
fn one_sync_serves_the_waiting_writes_of_all_groups_in_their_order() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let before = disk.stats().syncs;
    let outcomes = Outcomes::default();
    for id in 1..=10 {
        store.group(GroupId(id)).unwrap().append(0, records(3), note(&outcomes, id));
    }
    assert!(outcomes.lock().unwrap().is_empty(), "nothing is acknowledged before the sync");
    commit(&store);
    assert_eq!(disk.stats().syncs, before + 1);
    assert_eq!(*outcomes.lock().unwrap(), (1..=10).map(|id| (id, true)).collect::<Vec<_>>());
    let counters = store.counters();
    assert_eq!((counters.syncs, counters.synced, counters.acknowledged), (1, 10, 10));
}

#[test]
fn a_failed_sync_fails_everybody_and_is_never_retried() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let group = store.group(GroupId(1)).unwrap();
    let outcomes = Outcomes::default();
    disk.fail_next_sync();
    group.append(0, records(1), note(&outcomes, 1));
    group.append(1, records(1), note(&outcomes, 2));
    commit(&store);
    group.append(2, records(1), note(&outcomes, 3));
    commit(&store);
    assert_eq!(*outcomes.lock().unwrap(), [(1, false), (2, false), (3, false)]);
    assert!(store.failed().unwrap().to_string().starts_with("ARG-0207"));
    assert_eq!(store.counters().acknowledged, 0);
}

#[test]
fn a_full_disk_fails_the_store_with_its_code() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    disk.set_capacity(Some(disk.stats().bytes + 100));
    append(&store.group(GroupId(1)).unwrap(), 50);
    commit(&store);
    let error = store.failed().unwrap().to_string();
    assert!(error.starts_with("ARG-0207") && error.contains("no space left"), "{error}");
}

#[test]
fn a_rotten_entry_is_refused_at_open_by_group_and_index() {
    let disk = SimDisk::new(3);
    let store = open(&disk);
    append(&store.group(GroupId(5)).unwrap(), 20);
    commit(&store);
    drop(store);
    let key = disk.rot(|key| key[0] == b'l').unwrap();
    let index = u64::from_be_bytes(key[9..].try_into().unwrap());
    let error = open(&disk).group(GroupId(5)).err().unwrap();
    assert!(
        error.to_string().starts_with(&format!("ARG-0202: entry {index} in the log of group 5 is damaged")),
        "{error}"
    );
}

#[test]
fn a_rotten_entry_is_refused_when_it_is_read() {
    let disk = SimDisk::new(3);
    let store = open(&disk);
    let group = store.group(GroupId(5)).unwrap();
    // Large enough that the first entries are no longer in memory.
    for index in 0..20 {
        group.append(index, vec![vec![1; 512 * 1024].into()], Box::new(|_| {}));
        commit(&store);
    }
    disk.rot(|key| key[0] == b'l' && key[9..] == 0u64.to_be_bytes()).unwrap();
    assert!(matches!(group.read(0..3, usize::MAX), Err(StorageError::Damaged { .. })));
    assert_eq!(group.read(1..20, usize::MAX).unwrap().len(), 19);
}

#[test]
fn a_missing_entry_is_damage_and_not_the_end_of_the_log() {
    let disk = SimDisk::new(3);
    let store = open(&disk);
    append(&store.group(GroupId(1)).unwrap(), 10);
    commit(&store);
    drop(store);
    let mut key = vec![b'l'];
    key.extend_from_slice(&1u64.to_be_bytes());
    key.extend_from_slice(&4u64.to_be_bytes());
    disk.lose(&key);
    let error = open(&disk).group(GroupId(1)).err().unwrap().to_string();
    assert!(error.contains("entry 4") && error.contains("missing"), "{error}");
}

#[test]
fn every_kind_of_record_is_checked() {
    for kind in [b'c', b'i'] {
        let disk = SimDisk::new(3);
        let store = open(&disk);
        store.group(GroupId(1)).unwrap().set_cell("vote", b"me", Durability::Synced, None);
        commit(&store);
        drop(store);
        disk.rot(|key| key[0] == kind).unwrap();
        let reopened = Store::open(disk.handle(), identity(1, 7), Admission::Resume, Drive::by_hand());
        let error = reopened.and_then(|store| store.group(GroupId(1)).map(|_| ())).unwrap_err();
        assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
    }
}

#[test]
fn an_empty_directory_needs_to_be_told_and_a_foreign_one_is_refused() {
    let disk = SimDisk::new(1);
    let resume =
        |node, instance| Store::open(disk.handle(), identity(node, instance), Admission::Resume, Drive::by_hand());
    assert!(matches!(resume(1, 7), Err(StorageError::Empty { .. })));
    assert_eq!(open(&disk).identity().instance, InstanceId(7));
    // The instance of the directory counts, not the one that was offered.
    assert_eq!(resume(1, 8).unwrap().identity().instance, InstanceId(7));
    assert!(matches!(resume(2, 7), Err(StorageError::Foreign { .. })));
    let other = Identity { cluster: "other".parse().unwrap(), ..identity(1, 7) };
    assert!(matches!(
        Store::open(disk.handle(), other, Admission::Bootstrap, Drive::by_hand()),
        Err(StorageError::Foreign { .. })
    ));
}

#[test]
fn a_purged_log_goes_on_where_the_snapshot_ended() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let group = store.group(GroupId(1)).unwrap();
    append(&group, 10);
    group.purge(4, b"mark");
    assert_eq!((group.range(), group.purge_mark().unwrap()), (4..10, "mark".into()));
    // A snapshot from elsewhere may end beyond the log.
    group.purge(20, b"later");
    assert!(group.read(0..30, usize::MAX).unwrap().is_empty());
    append(&group, 2);
    commit(&store);
    drop((group, store));
    let group = open(&disk).group(GroupId(1)).unwrap();
    assert_eq!((group.range(), group.purge_mark().unwrap()), (20..22, "later".into()));
}

#[test]
fn a_truncated_entry_never_comes_back_through_memory_or_disk() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let group = store.group(GroupId(1)).unwrap();
    append(&group, 10);
    commit(&store);
    group.truncate(5);
    group.append(5, vec!["new".into()], Box::new(|_| {}));
    assert_eq!(group.read(4..9, usize::MAX).unwrap(), ["record 4", "new"]);
    commit(&store);
    drop((group, store));
    assert_eq!(open(&disk).group(GroupId(1)).unwrap().read(4..9, usize::MAX).unwrap(), ["record 4", "new"]);
}

#[test]
fn a_read_keeps_to_its_bound_but_always_returns_an_entry() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let group = store.group(GroupId(1)).unwrap();
    append(&group, 10);
    assert_eq!(group.read(2..10, 0).unwrap().len(), 1);
    assert_eq!(group.read(2..10, 17).unwrap().len(), 2);
    commit(&store);
    drop((group, store));
    let store = open(&disk);
    let group = store.group(GroupId(1)).unwrap();
    assert_eq!(group.read(2..10, 0).unwrap().len(), 1);
    assert_eq!(group.read(2..4, usize::MAX).unwrap(), ["record 2", "record 3"]);
}

#[test]
#[should_panic(expected = "would leave a hole")]
fn a_log_has_no_holes() {
    let store = open(&SimDisk::new(1));
    store.group(GroupId(1)).unwrap().append(3, records(1), Box::new(|_| {}));
}

#[test]
fn an_old_snapshot_lives_as_long_as_somebody_reads_it() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let group = store.group(GroupId(1)).unwrap();
    let take = |fill: u8| {
        let slot = Arc::new(Mutex::new(None));
        let mut writer = group.write_snapshot();
        writer.push_chunk(&vec![fill; CHUNK_BYTES]).unwrap();
        let kept = slot.clone();
        writer.finish(b"meta", move |snapshot| *kept.lock().unwrap() = snapshot.ok()).unwrap();
        commit(&store);
        let snapshot = slot.lock().unwrap().take().unwrap();
        group.make_current(&snapshot, Box::new(|_| {}));
        commit(&store);
        snapshot
    };
    let old = take(1);
    let one = disk.stats().bytes;
    let new = take(2);
    assert_eq!(old.chunk(0).unwrap()[0], 1);
    assert_eq!(group.snapshot().unwrap().chunk(0).unwrap()[0], 2);
    drop(old);
    commit(&store);
    assert_eq!(disk.stats().bytes, one);
    drop(new);
    commit(&store);
    assert!(group.snapshot().unwrap().chunk(0).is_ok(), "the current one stays");
}

#[test]
fn what_was_written_for_an_unfinished_snapshot_goes_away() {
    let disk = SimDisk::new(1);
    let store = open(&disk);
    let group = store.group(GroupId(1)).unwrap();
    let before = disk.stats().bytes;
    let mut writer = group.write_snapshot();
    writer.push_chunk(&[1; 1000]).unwrap();
    drop(writer);
    commit(&store);
    assert_eq!(disk.stats().bytes, before);
    // And when the process ended in the middle, at the next start.
    let mut writer = group.write_snapshot();
    writer.push_chunk(&[1; 1000]).unwrap();
    group.set_cell("sync", b"", Durability::Synced, None);
    commit(&store);
    std::mem::forget(writer);
    drop((group, store));
    let store = open(&disk);
    store.group(GroupId(1)).unwrap();
    commit(&store);
    assert!(disk.stats().bytes < before + 100);
}

#[test]
fn the_writer_thread_writes_what_was_queued_before_close() {
    let disk = SimDisk::new(1);
    let store = Store::open(disk.handle(), identity(1, 7), Admission::Bootstrap, Drive::Thread).unwrap();
    let group = store.group(GroupId(1)).unwrap();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    for index in 0..100 {
        let acknowledged = acknowledged.clone();
        group.append(
            index,
            records(1),
            Box::new(move |outcome| {
                outcome.unwrap();
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }),
        );
    }
    store.close();
    assert_eq!(acknowledged.load(Ordering::Relaxed), 100);
    assert_eq!(disk.stats().pending_batches, 0);
}
