//! The state machine of a group, as openraft wants it, over ours.
//!
//! The state lives in memory; what lasts is the log and the snapshots. A node that starts restores its current snapshot and folds the log
//! from there. A panic in the fold stops this replica of this group with `ARG-0301`, and nothing else.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};

use argosy_failpoint::{Failpoint, Planted, fires, planted};
use argosy_storage::{GroupId, GroupStore, Snapshot};
use futures::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{OptionalSend, RaftSnapshotBuilder};
use tokio::sync::{Notify, oneshot, watch};

use crate::codec;
use crate::log_store::durable;
use crate::machine::{FrozenState, StateMachine};
use crate::types::{EntryPayload, LogId, Response, SnapshotMeta, StoredMembership, TypeConfig};

type RaftSnapshot = openraft::alias::SnapshotOf<TypeConfig, Snapshot>;

/// Responses that wait for the end of their batch at most; a longer batch is published in parts.
const RESPONSES_HELD: usize = 4096;

/// What the fold tells the rest of the group.
#[derive(Clone)]
pub(crate) struct Signals {
    /// Term of the last entry that was applied and published.
    pub(crate) applied_term: watch::Sender<u64>,
    /// The log grew by more bytes since the last snapshot than a restart should have to read.
    pub(crate) want_snapshot: Arc<Notify>,
    /// Why the fold stopped, if it did; set before openraft hears of it.
    pub(crate) fault: Arc<OnceLock<String>>,
}

impl Signals {
    pub(crate) fn new() -> Self {
        Self { applied_term: watch::Sender::new(0), want_snapshot: Arc::default(), fault: Arc::default() }
    }
}

/// The replicated state of one group on this node.
pub(crate) struct Fold {
    group: GroupId,
    store: GroupStore,
    /// In a mutex only because openraft wants `Sync`; whoever has `&mut self` has the machine.
    machine: Mutex<Box<dyn StateMachine>>,
    applied: Option<LogId>,
    membership: StoredMembership,
    signals: Signals,
    snapshot_every_bytes: u64,
    bytes_since_snapshot: u64,
}

impl Fold {
    pub(crate) fn new(
        store: GroupStore,
        machine: Box<dyn StateMachine>,
        signals: Signals,
        snapshot_every_bytes: u64,
    ) -> Self {
        Self {
            group: store.group(),
            store,
            machine: Mutex::new(machine),
            applied: None,
            membership: StoredMembership::default(),
            signals,
            snapshot_every_bytes,
            bytes_since_snapshot: 0,
        }
    }

    fn machine(&mut self) -> &mut dyn StateMachine {
        self.machine.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).as_mut()
    }

    /// Folds one entry, and says what to answer.
    fn fold(&mut self, log_id: LogId, payload: EntryPayload) -> io::Result<Response> {
        let response = match payload {
            EntryPayload::Blank => Response::default(),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                Response::default()
            }
            EntryPayload::Normal(command) => {
                self.bytes_since_snapshot += command.0.len() as u64;
                let (index, term) = (log_id.index(), log_id.committed_leader_id().term);
                let machine = self.machine();
                let folded = catch_unwind(AssertUnwindSafe(|| machine.apply(index, term, &command.0)));
                Response(folded.map_err(|panic| self.panicked(&format!("folding entry {index}"), panic.as_ref()))?)
            }
        };
        self.applied = Some(log_id);
        Ok(response)
    }

    fn publish(&mut self) -> io::Result<()> {
        let Some(applied) = self.applied else { return Ok(()) };
        let (index, term) = (applied.index(), applied.committed_leader_id().term);
        let machine = self.machine();
        catch_unwind(AssertUnwindSafe(|| machine.publish(index, term)))
            .map_err(|panic| self.panicked(&format!("publishing entry {index}"), panic.as_ref()))?;
        self.signals.applied_term.send_if_modified(|current| std::mem::replace(current, term) != term);
        if self.bytes_since_snapshot >= self.snapshot_every_bytes || fires(Failpoint::SnapshotTakenEarly) {
            self.bytes_since_snapshot = 0;
            self.signals.want_snapshot.notify_one();
        }
        Ok(())
    }

    fn panicked(&self, doing: &str, panic: &(dyn std::any::Any + Send)) -> io::Error {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("no message");
        tracing::error!(group = %self.group, doing, text, "ARG-0301: the state machine panicked; this replica stops");
        let fault = self.signals.fault.get_or_init(|| format!("the state machine panicked while {doing}: {text}"));
        io::Error::other(fault.clone())
    }

    /// Restores the machine from a snapshot, off this thread where there is another one.
    async fn restore(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let vacant: Box<dyn StateMachine> = Box::new(Vacant);
        let mut machine =
            std::mem::replace(self.machine.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner), vacant);
        let mut input = io::BufReader::new(snapshot.reader());
        let work = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| machine.restore(&mut input)));
            (machine, outcome)
        };
        let (machine, outcome) = if self.store.may_block() {
            tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
        } else {
            work()
        };
        self.machine = Mutex::new(machine);
        match outcome {
            Ok(restored) => restored
                .map_err(|error| io::Error::other(format!("ARG-0316: the snapshot cannot be restored: {error}"))),
            Err(panic) => Err(self.panicked("restoring a snapshot", panic.as_ref())),
        }
    }
}

/// Stands in for the machine while it is being restored on another thread; nobody can reach it there.
struct Vacant;

impl StateMachine for Vacant {
    fn apply(&mut self, _: u64, _: u64, _: &[u8]) -> Vec<u8> {
        unreachable!("nothing is applied while a snapshot is restored")
    }
    fn publish(&mut self, _: u64, _: u64) {}
    fn freeze(&self) -> Box<dyn FrozenState> {
        unreachable!("nothing is frozen while a snapshot is restored")
    }
    fn restore(&mut self, _: &mut dyn io::Read) -> Result<(), crate::RestoreError> {
        unreachable!("one snapshot is restored at a time")
    }
}

impl RaftStateMachine<TypeConfig> for Fold {
    type SnapshotData = Snapshot;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut responses: Vec<(ApplyResponder<TypeConfig>, Response)> = Vec::new();
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            let response = self.fold(entry.log_id, entry.payload)?;
            responses.extend(responder.map(|responder| (responder, response)));
            if responses.len() >= RESPONSES_HELD || fires(Failpoint::PublishedOneByOne) {
                self.publish()?;
                responses.drain(..).for_each(|(responder, response)| responder.send(response));
            }
        }
        self.publish()?;
        responses.into_iter().for_each(|(responder, response)| responder.send(response));
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        self.bytes_since_snapshot = 0;
        let meta = SnapshotMeta { last_log_id: self.applied, last_membership: self.membership.clone() };
        let frozen = self.machine().freeze();
        SnapshotBuilder { store: self.store.clone(), meta, frozen: Mutex::new(Some(frozen)) }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Snapshot) -> io::Result<()> {
        if !planted(Planted::RestoreForgotten) {
            self.restore(&snapshot).await?;
        }
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.bytes_since_snapshot = 0;
        self.publish()?;
        if !self.store.snapshot().is_some_and(|current| current.is(&snapshot)) {
            durable(|done| self.store.make_current(&snapshot, done)).await.map_err(io::Error::other)?;
        }
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<RaftSnapshot>> {
        self.store.snapshot().map(described).transpose()
    }
}

/// A stored snapshot with what its meta says.
fn described(snapshot: Snapshot) -> io::Result<RaftSnapshot> {
    Ok(RaftSnapshot { meta: codec::decode(snapshot.meta())?, snapshot })
}

/// Writes one frozen state into a snapshot.
pub(crate) struct SnapshotBuilder {
    store: GroupStore,
    meta: SnapshotMeta,
    frozen: Mutex<Option<Box<dyn FrozenState>>>,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = Snapshot;

    async fn build_snapshot(&mut self) -> io::Result<RaftSnapshot> {
        let frozen = self.frozen.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let frozen = frozen.ok_or_else(|| io::Error::other("a builder builds one snapshot"))?;
        let mut writer = self.store.write_snapshot();
        let work = move || {
            catch_unwind(AssertUnwindSafe(|| frozen.write(&mut writer))).map(|written| written.map(|()| writer))
        };
        let written = if self.store.may_block() {
            tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
        } else {
            work()
        };
        let writer = written.map_err(|_| io::Error::other("panicked while writing a snapshot"))??;
        let snapshot = finished(|done| writer.finish(&codec::encode(&self.meta), done)).await?;
        if let Some(current) = self.store.snapshot().map(described).transpose()?
            && current.meta.last_log_id > self.meta.last_log_id
        {
            // A newer one was installed meanwhile; this one goes away with its handle.
            return Ok(current);
        }
        durable(|done| self.store.make_current(&snapshot, done)).await.map_err(io::Error::other)?;
        Ok(RaftSnapshot { meta: self.meta.clone(), snapshot })
    }
}

/// Turns the end of a snapshot's writing into something to await.
pub(crate) async fn finished<F>(submit: F) -> io::Result<Snapshot>
where
    F: FnOnce(
        Box<dyn FnOnce(Result<Snapshot, argosy_storage::StorageError>) + Send>,
    ) -> Result<(), argosy_storage::StorageError>,
{
    let (tell, told) = oneshot::channel();
    // Whoever waited may have been dropped; then the snapshot goes away too.
    submit(Box::new(move |outcome| drop(tell.send(outcome)))).map_err(io::Error::other)?;
    told.await.map_err(io::Error::other)?.map_err(io::Error::other)
}
