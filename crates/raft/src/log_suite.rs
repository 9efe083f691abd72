//! openraft's own suite for log stores, over ours, on both disks.

use std::io;
use std::sync::Arc;

use argosy_storage::sim_disk::SimDisk;
use argosy_storage::{Admission, Disk, Drive, GroupId, GroupStore, Identity, InstanceId, NodeId, Store};
use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::testing::log::{StoreBuilder, Suite};

use crate::fold::{Fold, Signals};
use crate::log_store::LogStore;
use crate::machine::{FrozenState, RestoreError, StateMachine};
use crate::types::{Entry, LogId, ReplicaId, TypeConfig, Vote};

type StorageError = openraft::StorageError<TypeConfig>;

impl From<u64> for ReplicaId {
    fn from(node: u64) -> Self {
        Self { node, instance: 0 }
    }
}

/// Counts commands.
struct Tally(u64);

impl StateMachine for Tally {
    fn apply(&mut self, _: u64, _: u64, _: &[u8]) -> Vec<u8> {
        self.0 += 1;
        Vec::new()
    }

    fn publish(&mut self, _: u64, _: u64) {}

    fn freeze(&self) -> Box<dyn FrozenState> {
        Box::new(Tally(self.0))
    }

    fn restore(&mut self, input: &mut dyn io::Read) -> Result<(), RestoreError> {
        let mut bytes = [0; 8];
        input.read_exact(&mut bytes)?;
        self.0 = u64::from_le_bytes(bytes);
        Ok(())
    }
}

impl FrozenState for Tally {
    fn write(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(&self.0.to_le_bytes())
    }
}

/// The suite begins some logs at index 1, which no Raft does, and which our store takes for a hole. So an empty log is moved there first.
struct BeginsAnywhere {
    log: LogStore,
    group: GroupStore,
}

impl RaftLogStorage<TypeConfig> for BeginsAnywhere {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        self.log.get_log_state().await
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.log.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.log.save_vote(vote).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.log.save_committed(committed).await
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        self.log.read_committed().await
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        if let (0, Some(first)) = (self.group.range().end, entries.first()) {
            self.group.purge(first.log_id.index(), b"");
        }
        self.log.append(entries, callback).await
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        self.log.truncate_after(last_log_id).await
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        self.log.purge(log_id).await
    }
}

fn parts(disk: Arc<dyn Disk>) -> (BeginsAnywhere, Fold, Arc<Store>) {
    let identity = Identity { cluster: "suite".parse().unwrap(), node: NodeId(0), instance: InstanceId(0) };
    let store = Store::open(disk, identity, Admission::Bootstrap, Drive::Thread).unwrap();
    let group = store.group(GroupId(1)).unwrap();
    let log = BeginsAnywhere { log: LogStore::new(group.clone()), group: group.clone() };
    (log, Fold::new(group, Box::new(Tally(0)), Signals::new(), u64::MAX), store)
}

struct OverSimDisk;

impl StoreBuilder<TypeConfig, BeginsAnywhere, Fold, Arc<Store>> for OverSimDisk {
    async fn build(&self) -> Result<(Arc<Store>, BeginsAnywhere, Fold), StorageError> {
        let (log, fold, store) = parts(SimDisk::new(1).handle());
        Ok((store, log, fold))
    }
}

#[tokio::test]
async fn the_log_store_passes_the_suite_over_the_simulated_disk() {
    Suite::test_all(OverSimDisk).await.unwrap();
}

#[cfg(feature = "rocksdb")]
mod over_rocksdb {
    use argosy_storage::rocks::RocksDisk;

    use super::*;

    struct OverRocks;

    impl StoreBuilder<TypeConfig, BeginsAnywhere, Fold, (Arc<Store>, tempfile::TempDir)> for OverRocks {
        async fn build(&self) -> Result<((Arc<Store>, tempfile::TempDir), BeginsAnywhere, Fold), StorageError> {
            let dir = tempfile::tempdir().unwrap();
            let (log, fold, store) = parts(Arc::new(RocksDisk::open(dir.path()).unwrap()));
            Ok(((store, dir), log, fold))
        }
    }

    #[tokio::test]
    async fn the_log_store_passes_the_suite_over_rocksdb() {
        Suite::test_all(OverRocks).await.unwrap();
    }
}
