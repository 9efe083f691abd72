//! The store of a node: one disk, one identity, one group commit, many groups.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::commit::{CommitQueue, Counters, Drive};
use crate::disk::Disk;
use crate::errors::StorageError;
use crate::group::GroupStore;
use crate::identity::{Admission, Identity, admit};
use crate::ids::GroupId;

/// Everything that a node keeps over a restart.
pub struct Store {
    disk: Arc<dyn Disk>,
    identity: Identity,
    queue: Arc<CommitQueue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    groups: Mutex<HashMap<GroupId, GroupStore>>,
}

impl Store {
    /// Opens the store on a disk.
    ///
    /// `identity` says who opens it; its instance counts only if the disk is empty and `admission` lets it be taken.
    ///
    /// # Errors
    /// When the disk is empty but should not be, belongs to somebody else, is damaged, or fails.
    pub fn open(
        disk: Arc<dyn Disk>,
        identity: Identity,
        admission: Admission,
        drive: Drive,
    ) -> Result<Arc<Self>, StorageError> {
        let identity = admit(disk.as_ref(), identity, admission)?;
        let (wake, threaded) = match drive {
            Drive::Thread => (None, true),
            Drive::Caller(wake) => (Some(wake), false),
        };
        let queue = Arc::new(CommitQueue::new(disk.clone(), wake));
        let writer = if threaded { Some(spawn_writer(queue.clone())?) } else { None };
        Ok(Arc::new(Self { disk, identity, queue, writer: Mutex::new(writer), groups: Mutex::default() }))
    }

    /// Whose this store is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What a group stored; the same for every call.
    ///
    /// # Errors
    /// When something of it is damaged or of a future format, or the disk fails.
    pub fn group(&self, group: GroupId) -> Result<GroupStore, StorageError> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = groups.get(&group) {
            return Ok(open.clone());
        }
        let opened = GroupStore::open(group, self.disk.clone(), self.queue.clone())?;
        groups.insert(group, opened.clone());
        Ok(opened)
    }

    /// What the group commit did so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.queue.counters()
    }

    /// Why the store stopped writing, if it did.
    #[must_use]
    pub fn failed(&self) -> Option<StorageError> {
        self.queue.failed()
    }

    /// Writes one batch of what waits: the step of [`Drive::Caller`]. Says whether there was anything; call it until there is not.
    pub fn commit_pending(&self) -> bool {
        self.queue.commit_pending()
    }

    /// Refuses new writes, and returns when the queued ones are written. With [`Drive::Caller`] the caller steps through them itself.
    pub fn close(&self) {
        self.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the writer of the store panicked");
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
        self.queue.abandon();
    }
}

fn spawn_writer(queue: Arc<CommitQueue>) -> Result<JoinHandle<()>, StorageError> {
    std::thread::Builder::new()
        .name("group-commit".to_owned())
        .spawn(move || queue.run())
        .map_err(|error| StorageError::failed("start the writer thread", error))
}
