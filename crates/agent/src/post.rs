//! The journal between those who write it and the uplink that sends it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::{AgentBatch, AgentRecord};
use tokio::sync::Notify;

use crate::host::Moment;
use crate::journal::{Journal, Marks};

/// A journal that is shared, with a bell for new records.
pub struct Post {
    journal: Mutex<Journal>,
    boot_id: String,
    bell: Notify,
}

impl Post {
    /// The post of the boot `boot_id`.
    #[must_use]
    pub fn new(journal: Journal, boot_id: &str) -> Self {
        Self { journal: Mutex::new(journal), boot_id: boot_id.to_owned(), bell: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The running boot.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// Writes records; `mark` changes where their sources stand, in the same write.
    pub fn write(&self, records: Vec<(Moment, Record)>, mark: impl FnOnce(&mut Marks)) {
        let mut journal = self.lock();
        let mut marks = journal.marks().clone();
        mark(&mut marks);
        journal.append(&self.boot_id, records, Some(marks));
        drop(journal);
        self.bell.notify_one();
    }

    /// Where the sources stand.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.lock().marks().clone()
    }

    /// The journal's name, and the last number that a leader took.
    #[must_use]
    pub fn standing(&self) -> (String, u64) {
        let journal = self.lock();
        (journal.name().to_owned(), journal.acknowledged())
    }

    /// How many records wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    /// How many of them are events.
    #[must_use]
    pub fn waiting_events(&self) -> usize {
        self.lock().waiting_events()
    }

    /// Everything after `sequence` that fits into `bytes`, and at least one record, to be sent at `now`.
    #[must_use]
    pub fn batch(&self, sequence: u64, bytes: usize, now: Moment) -> AgentBatch {
        let journal = self.lock();
        let records: Vec<AgentRecord> = journal.after(sequence, bytes);
        let (dropped_samples, dropped_events) = journal.dropped();
        AgentBatch { records, sent_boottime_ms: now.boottime_ms, dropped_samples, dropped_events }
    }

    /// A leader took everything up to `sequence` of the journal `name`.
    pub fn acknowledge(&self, name: &str, sequence: u64) {
        self.lock().acknowledge(name, sequence);
    }

    /// Returns when something was written since the last call. Cancelling loses no bell.
    pub async fn written(&self) {
        self.bell.notified().await;
    }
}
