//! A handle to this node's replica of one group: propose, read, watch, stop.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use argosy_failpoint::{ARMED, Failpoint, Planted, fires, pause, planted};
use argosy_storage::{GroupId, GroupStore, Store};
use openraft::ReadPolicy;
use openraft::errors::{ClientWriteError, Fatal, ForwardToLeader, LinearizableReadError, RaftError};
use openraft::impls::ProgressResponder;
use openraft::raft::ClientWriteResult;
use tokio::sync::{Mutex as Turns, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::config::{Config, Limits, Timing};
use crate::errors::{ProposeError, ReadError, SnapshotError, Stopped, stopped};
use crate::fold::{Fold, Signals};
use crate::net::Reach;
use crate::observe;
use crate::status::{GroupStatus, Leadership};
use crate::types::{Command, ReplicaId, TypeConfig};

/// How late a proposal may be handed to Raft at a failpoint: longer than an election.
const HELD_BACK: Duration = Duration::from_secs(3);

pub(crate) type Raft = openraft::Raft<TypeConfig, Fold>;
type Completed = openraft::alias::OneshotReceiverOf<TypeConfig, ClientWriteResult<TypeConfig>>;

/// This node's replica of one group. Clones share it.
#[derive(Clone)]
pub struct Group {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) id: GroupId,
    pub(crate) me: ReplicaId,
    pub(crate) raft: Raft,
    pub(crate) reach: Reach,
    pub(crate) timing: Timing,
    pub(crate) leadership: watch::Receiver<Leadership>,
    store: GroupStore,
    /// Kept, because a store that nobody keeps closes.
    _node: Arc<Store>,
    limits: Limits,
    fault: Arc<OnceLock<String>>,
    /// Bytes of proposals that may still enter.
    room: Arc<Semaphore>,
    /// Whose proposal is handed to Raft, where a failpoint may hold one back: all later ones wait behind it.
    turns: Arc<Turns<()>>,
    /// When an append or heartbeat of the leader was last taken here.
    heard: Mutex<Instant>,
}

/// A command that a majority holds and this replica has folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its place in the log.
    pub index: u64,
    /// The term it was proposed in.
    pub term: u64,
    /// What the state machine answered.
    pub response: Vec<u8>,
}

/// How a linearizable read makes sure that no newer leader exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Ask a majority. Needs nothing of the clocks.
    Index,
    /// Trust the lease, where it is fresh. Costs no message; relies on clocks that run about equally fast.
    Lease,
}

impl Group {
    pub(crate) fn start(
        me: ReplicaId,
        raft: Raft,
        node: Arc<Store>,
        store: GroupStore,
        reach: Reach,
        config: &Config,
        signals: Signals,
    ) -> Self {
        let id = store.group();
        let fault = signals.fault.clone();
        let leadership = observe::start(&raft, me, config.timing, signals);
        let room = Arc::new(Semaphore::new(config.limits.proposals_in_flight_bytes));
        let (timing, limits) = (config.timing, config.limits);
        let heard = Mutex::new(Instant::now());
        Self {
            inner: Arc::new(Inner {
                id,
                me,
                raft,
                reach,
                timing,
                leadership,
                store,
                _node: node,
                limits,
                fault,
                room,
                turns: Arc::default(),
                heard,
            }),
        }
    }

    pub(crate) fn raft(&self) -> &Raft {
        &self.inner.raft
    }

    pub(crate) fn store(&self) -> &GroupStore {
        &self.inner.store
    }

    /// The group.
    #[must_use]
    pub fn id(&self) -> GroupId {
        self.inner.id
    }

    /// Proposes a command, and returns when it is committed and folded here. Many may be on their way at once.
    ///
    /// # Errors
    /// See [`ProposeError`]; after [`ProposeError::OutcomeUnknown`] the command may yet be committed.
    pub async fn propose(&self, command: Vec<u8>) -> Result<Committed, ProposeError> {
        self.submit(command).await?.await
    }

    /// Queues a command, after those that were submitted before it, and returns what to await for its outcome.
    ///
    /// Waits while too many bytes are on their way.
    ///
    /// # Errors
    /// When the command is too large or the replica stopped. That it does not lead shows in the outcome.
    pub async fn submit(&self, command: Vec<u8>) -> Result<Proposal, ProposeError> {
        let inner = &self.inner;
        let (bytes, limit) = (command.len(), inner.limits.command_bytes);
        if bytes > limit {
            return Err(ProposeError::TooLarge { bytes, limit });
        }
        let share = bytes.clamp(1, inner.limits.proposals_in_flight_bytes);
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        let room = inner.room.clone().acquire_many_owned(share).await.map_err(|_| self.shut_down())?;
        let (responder, completed) = ProgressResponder::complete_only();
        let raft = inner.raft.clone();
        let hand_over = async move { raft.client_write_ff(Command(command.into()), Some(responder)).await };
        let handed_over = if ARMED { self.in_turn(hand_over).await } else { hand_over.await };
        handed_over.map_err(|fatal| stopped(inner.id, &fatal))?;
        Ok(Proposal { completed, group: self.clone(), _room: room })
    }

    /// Hands a proposal over after those before it, maybe late. One that has its turn is handed over even if its proposer is gone by then: what waits
    /// for Raft to take it does so too.
    async fn in_turn<T: Send + 'static>(&self, hand_over: impl Future<Output = T> + Send + 'static) -> T {
        let turn = Arc::clone(&self.inner.turns).lock_owned().await;
        let Some(pause) = pause(Failpoint::ProposalHeldBack, HELD_BACK) else { return hand_over.await };
        let later = async move {
            tokio::time::sleep(pause).await;
            let _turn = turn;
            hand_over.await
        };
        tokio::spawn(later).await.expect("handing over does not panic")
    }

    /// Returns when everything that was acknowledged before this call is folded here, and says up to which index that is.
    ///
    /// # Errors
    /// When this replica does not lead, or cannot prove in time that it does.
    pub async fn read_barrier(&self, read: Read) -> Result<u64, ReadError> {
        if planted(Planted::ReadUnconfirmed) {
            return Ok(self.status().applied);
        }
        let (raft, foresight) = (&self.inner.raft, &self.inner.reach.foresight);
        let confirmed = loop {
            let foreseen = foresight.foreseen();
            let policy = match read {
                Read::Lease if fires(Failpoint::LeaseDistrusted) => ReadPolicy::ReadIndex,
                Read::Lease if foresight.is_behind(observe::answered(raft)) => ReadPolicy::LeaseRead,
                Read::Index | Read::Lease => ReadPolicy::ReadIndex,
            };
            let confirmed = raft.ensure_linearizable(policy).await;
            // What was foreseen meanwhile may have been counted: it is asked again.
            if foresight.foreseen() == foreseen {
                break confirmed;
            }
        };
        if let Some(pause) = pause(Failpoint::BarrierLate, Duration::from_millis(500)) {
            tokio::time::sleep(pause).await;
        }
        match confirmed {
            Ok(read) => Ok(read.index()),
            Err(RaftError::Fatal(fatal)) => Err(stopped(self.inner.id, &fatal).into()),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => {
                let leader = leader_of(&forward);
                if leader == Some(self.inner.me.node()) {
                    Err(ReadError::NoQuorum)
                } else {
                    Err(ReadError::NotLeader { leader })
                }
            }
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => Err(ReadError::NoQuorum),
        }
    }

    /// Who leads; changes as soon as this replica knows.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// How long ago this replica last heard from its leader; since its start if it never has. Zero on the leader itself.
    /// Entries that were committed since then may be missing here.
    #[must_use]
    pub fn silence(&self) -> Duration {
        let leads = self.inner.leadership.borrow().leader == Some(self.inner.me.node());
        let heard = *self.inner.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if leads { Duration::ZERO } else { heard.elapsed() }
    }

    pub(crate) fn note_heard(&self) {
        *self.inner.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// What this replica knows of its group.
    #[must_use]
    pub fn status(&self) -> GroupStatus {
        let mut status = observe::status(&self.inner.raft, *self.inner.leadership.borrow());
        status.halted = self.fault().or(status.halted);
        status
    }

    /// Why this replica stopped, if it did.
    #[must_use]
    pub fn halted(&self) -> Option<String> {
        self.fault().or_else(|| observe::stopped(&self.inner.raft))
    }

    /// Takes a snapshot of everything folded so far, lets the log behind it be purged, and returns the index it covers.
    ///
    /// # Errors
    /// When nothing was folded yet, or the replica stopped.
    pub async fn snapshot_now(&self) -> Result<u64, SnapshotError> {
        let inner = &self.inner;
        let applied = observe::metrics(&inner.raft).last_applied.ok_or(SnapshotError::Empty)?.index();
        inner.raft.trigger().snapshot().await.map_err(|fatal| stopped(inner.id, &fatal))?;
        let covered = inner
            .raft
            .wait(None)
            .metrics(|metrics| metrics.snapshot.is_some_and(|last| last.index() >= applied), "snapshot")
            .await
            .map_err(|_| SnapshotError::Stopped(self.why_stopped()))?;
        Ok(covered.snapshot.map_or(applied, |last| last.index()))
    }

    /// Stops this replica. It does not hand leadership over; see [`hand_over`](Self::hand_over).
    pub async fn shutdown(&self) {
        self.inner.room.close();
        if self.inner.raft.shutdown().await.is_err() {
            tracing::error!(group = %self.inner.id, "the replica had panicked before it was shut down");
        }
    }

    /// Gives up leadership, if this replica has it, to the voter that is furthest, and returns when it leads, or could not in time.
    pub async fn hand_over(&self) {
        let me = self.inner.me.node();
        if self.inner.leadership.borrow().leader != Some(me) || fires(Failpoint::HandOverSkipped) {
            return;
        }
        let status = self.status();
        let matched = |node| status.matched.get(node).copied();
        let heir = status.members.voters.iter().filter(|node| **node != me).max_by_key(|node| matched(node));
        let Some(heir) = heir else { return };
        if let Err(error) = self.transfer_leader(*heir).await {
            tracing::warn!(group = %self.inner.id, %error, "leadership was not handed over");
        }
    }

    /// The root of a stop, where it is known: openraft's own account of it comes later, and says less.
    fn fault(&self) -> Option<String> {
        self.inner.fault.get().cloned().or_else(|| self.inner.store.failed().map(|error| error.to_string()))
    }

    pub(crate) fn why_stopped(&self) -> Stopped {
        if let Some(reason) = self.fault() {
            return Stopped { group: self.inner.id, reason };
        }
        match observe::metrics(&self.inner.raft).running_state {
            Err(fatal) => stopped(self.inner.id, &fatal),
            Ok(()) => self.shut_down(),
        }
    }

    fn shut_down(&self) -> Stopped {
        stopped(self.inner.id, &Fatal::Stopped)
    }

    /// Time that an election takes, with a margin.
    pub(crate) fn election(&self) -> Duration {
        self.inner.timing.election_max * 3
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "group {} on node {}", self.inner.id, self.inner.me)
    }
}

/// A submitted command; await it for its outcome. Dropping it does not take the command back.
pub struct Proposal {
    completed: Completed,
    group: Group,
    _room: OwnedSemaphorePermit,
}

impl Future for Proposal {
    type Output = Result<Committed, ProposeError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.completed).poll(context).map(|completed| match completed {
            Ok(Ok(written)) => Ok(Committed {
                index: written.log_id.index(),
                term: written.log_id.committed_leader_id().term,
                response: written.data.0,
            }),
            Ok(Err(ClientWriteError::ForwardToLeader(forward))) => {
                Err(ProposeError::NotLeader { leader: leader_of(&forward) })
            }
            Ok(Err(ClientWriteError::LogEntryDiscarded(forward))) => {
                Err(ProposeError::OutcomeUnknown { leader: leader_of(&forward) })
            }
            // A command carries no change of members and no precondition.
            Ok(Err(_)) => Err(ProposeError::OutcomeUnknown { leader: None }),
            // The replica stopped with the command in its log.
            Err(_) => Err(ProposeError::Stopped(self.group.why_stopped())),
        })
    }
}

pub(crate) fn leader_of(forward: &ForwardToLeader<TypeConfig>) -> Option<argosy_storage::NodeId> {
    forward.leader_id.map(ReplicaId::node)
}
