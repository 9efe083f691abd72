//! The runtime that lives exactly while this node leads a shard and may decide: sessions, cycle, actuator, reconcile.
//!
//! It begins when the leader's own start is folded in, and every part of it is dropped when the leadership goes. What it
//! knows beside the committed state is soft, and the next leader builds it anew.
//!
//! ```text
//!   sessions ──> RollUp ─┐                        ┌─> cycle: decide, lint ──> Plan ─┐
//!   reconcile ─> Observe ┼─> commit ─> log ─> fold ─> actuator ──> provider calls    │
//!   timers ────> Tick ───┤             ^          └─> sessions ──> operators        │
//!   agents ────> Health ─┤             ├─> notifier ──> receivers                   │
//!   receivers ─> Notified┘             │                                            │
//!                                      └──────────── Outcomes, Plan ────────────────┘
//! ```
//!
//! Architecture invariant: no part of it reads anything else to decide by than the published, committed view.

mod actuator;
mod agents;
mod clock;
mod commit;
mod cycle;
mod health;
mod lanes;
mod lockstep;
mod measure;
mod notify;
mod observed;
mod pools;
mod prometheus;
mod providers;
mod reconcile;
mod reign;
mod repair;
mod sessions;
mod timers;

use std::sync::Arc;

use argosy_model::ShardTime;
use argosy_raft::Read;
use argosy_shard::{Command, Genesis};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use agents::{AgentEvents, Agents, SeenEvent, SoftEvents, Taking};
pub(crate) use agents::{INSTRUCTION_LANE, ToAgent};
pub use clock::Clock;
pub use commit::{CommitError, Committed, Committer};
pub(crate) use cycle::inline;
pub use cycle::{Decided, Pace};
pub use health::{HealthDesk, ReportError, Reported, event as health_event, readings as health_readings};
pub use lockstep::{StepError, Stepped};
pub use notify::{Heard, Notifier, Post};
pub use pools::{Autoscaler, Told};
pub(crate) use pools::{coming, ready, wall_clock};
pub use providers::{CallLimits, Port, Providers};
pub use reconcile::ListingPace;
pub(crate) use reign::supervise;
pub use sessions::{Hub, HubLimits, NoBlob, Reclaimed};

use self::cycle::Cycle;
use self::lockstep::Lockstep;
use crate::replica::View;

/// Whether a shard runs by the clock or is stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Cycles, listings and retries come by themselves.
    Running,
    /// Nothing happens but sessions, until a step is asked for.
    Lockstep,
}

/// Everything that the leaderships of one shard on this node have in common.
#[derive(Clone)]
pub struct LeaderSettings {
    /// By the clock, or stepped.
    pub mode: Mode,
    /// When cycles run.
    pub pace: Pace,
    /// When providers are listed.
    pub listing: ListingPace,
    /// Deadlines of single calls.
    pub calls: CallLimits,
    /// Calls in flight at once.
    pub concurrency: usize,
    /// Limits of sessions.
    pub sessions: HubLimits,
    /// The name of this node, for those who ask who leads.
    pub node: String,
    /// How the shard begins, should it not have begun.
    pub genesis: Genesis,
    /// Its providers.
    pub providers: Providers,
    /// This node's way to receivers of notifications.
    pub post: Arc<Post>,
}

/// One leadership of a shard on this node. It exists from the moment that it may decide until it ends; who holds on to
/// it longer finds that nothing can be committed with it any more.
pub struct Leader {
    committer: Arc<Committer>,
    hub: Arc<Hub>,
    agents: Arc<Agents>,
    cycle: Arc<Cycle>,
    autoscaler: Arc<Autoscaler>,
    health: Arc<HealthDesk>,
    notifier: Arc<Notifier>,
    lockstep: Option<Lockstep>,
    ended: CancellationToken,
}

impl Leader {
    /// The shard's id.
    #[must_use]
    pub fn shard(&self) -> &str {
        self.committer.shard()
    }

    /// The Raft term of this leadership.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.committer.term()
    }

    /// The newest committed view.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.committer.view()
    }

    /// The present moment of the shard.
    #[must_use]
    pub fn now(&self) -> ShardTime {
        self.committer.clock().now()
    }

    /// Commits a command, such as an administrator's.
    ///
    /// # Errors
    /// See [`CommitError`]; after one that leaves the outcome open, read the state before trying again.
    pub async fn commit(&self, command: Command) -> Result<Committed, CommitError> {
        self.committer.commit(command).await
    }

    /// Confirms that this node still leads: then [`Leader::view`] holds everything that was acknowledged before.
    ///
    /// # Errors
    /// When it does not lead, or cannot know.
    pub async fn confirm(&self, read: Read) -> Result<(), CommitError> {
        self.committer.confirm(read).await
    }

    /// What the last cycle decided, with the state that it was decided from; `None` before the first.
    #[must_use]
    pub fn decided(&self) -> Option<Arc<Decided>> {
        self.cycle.decided().borrow().clone()
    }

    /// Follows [`Leader::decided`].
    #[must_use]
    pub fn watch_decided(&self) -> watch::Receiver<Option<Arc<Decided>>> {
        self.cycle.decided()
    }

    /// Asks for a cycle soon.
    pub fn want_cycle(&self) {
        self.cycle.want();
    }

    /// The sessions of this leadership.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The policies of the shard's pools.
    #[must_use]
    pub fn autoscaler(&self) -> &Autoscaler {
        &self.autoscaler
    }

    /// The health of the machines.
    #[must_use]
    pub fn health(&self) -> &Arc<HealthDesk> {
        &self.health
    }

    /// The notifications of this leadership.
    #[must_use]
    pub fn notifier(&self) -> &Arc<Notifier> {
        &self.notifier
    }

    /// The node agents of this leadership.
    #[must_use]
    pub fn agents(&self) -> &Arc<Agents> {
        &self.agents
    }

    /// In lockstep: moves shard time to `to` and goes on until nothing moves. Can be repeated, also at another leader.
    ///
    /// # Errors
    /// When the shard is not in lockstep, this node no longer leads, or a provider does not answer.
    pub async fn step_to(&self, to: ShardTime) -> Result<Stepped, StepError> {
        let Some(lockstep) = &self.lockstep else { return Err(StepError::NotLockstep) };
        // The caller's task outlives the leadership; the step must not.
        tokio::select! {
            biased;
            () = self.ended.cancelled() => Err(StepError::Ended),
            stepped = lockstep.step_to(to) => stepped,
        }
    }
}
