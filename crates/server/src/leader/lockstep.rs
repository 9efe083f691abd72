//! Lockstep: a leader that does nothing by itself, and on request moves its clock and goes on until nothing moves.
//!
//! For the deterministic replay of a trace. The phases come strictly one after the other: observe, decide and commit,
//! carry out, let the provider finish; calls of one phase run side by side, but what comes of them is committed in the
//! order of operations. So equal inputs give equal plans, whatever the network did. A step is idempotent: after the loss
//! of a leader the caller asks the next one for the same step again.

use std::sync::Arc;

use argosy_model::ShardTime;
use argosy_proto::argosy::v1::QuiesceRequest;
use argosy_proto::argosy::v1::sim_provider_client::SimProviderClient;
use argosy_shard::{Command, OperationId};
use tokio::sync::Mutex;
use tokio::time::{Duration, timeout};
use tonic::Code;

use super::actuator::Actuator;
use super::commit::{CommitError, Committer};
use super::cycle::{Cycle, Turn};
use super::providers::{Port, Providers};
use super::reconcile::{Portion, Reconciler, RoundError};

/// Most rounds of one step. Each either moves something or is the last.
const ROUNDS: u32 = 256;
/// How long a provider may take to let everything finish.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// Shard time now.
    pub now: ShardTime,
    /// The revision of the state that the step ended with.
    pub revision: u64,
    /// How many rounds it took.
    pub rounds: u32,
    /// Whether the last round moved nothing.
    pub settled: bool,
    /// Operations that are still under way: they wait for a moment that has not come.
    pub open: Vec<OperationId>,
}

/// Why a step did not end. Ask the shard's leader again: a step can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The shard runs by its own clock.
    #[error("ARG-0614: this shard runs in real time; set `cycle.mode = \"lockstep\"` on every node to step it")]
    NotLockstep,
    /// The leadership ended meanwhile.
    #[error("ARG-0606: the leader of the shard is changing; ask the next one for the same step")]
    Ended,
    /// A command was not committed: usually another node leads now.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A provider did not answer.
    #[error("ARG-0615: provider '{provider}' did not answer during a step: {reason}")]
    Provider {
        /// Which.
        provider: String,
        /// What happened.
        reason: String,
    },
}

/// The stepped runtime of one leadership.
pub(super) struct Lockstep {
    committer: Arc<Committer>,
    cycle: Arc<Cycle>,
    actuator: Arc<Actuator>,
    providers: Providers,
    /// One step at a time.
    reconcilers: Mutex<Vec<(Port, Reconciler)>>,
}

impl Lockstep {
    pub(super) fn new(
        committer: Arc<Committer>,
        cycle: Arc<Cycle>,
        actuator: Arc<Actuator>,
        providers: Providers,
    ) -> Self {
        let reconciler = |port: &Port| (port.clone(), Reconciler::new(Arc::clone(&committer), port, Portion::Whole));
        let reconcilers = Mutex::new(providers.iter().map(reconciler).collect());
        Self { committer, cycle, actuator, providers, reconcilers }
    }

    /// Returns when no step is under way.
    pub(super) async fn idle(&self) {
        drop(self.reconcilers.lock().await);
    }

    /// Moves shard time to `to`, never back, and goes on until nothing moves.
    pub(super) async fn step_to(&self, to: ShardTime) -> Result<Stepped, StepError> {
        let mut reconcilers = self.reconcilers.lock().await;
        self.committer.clock().step_to(to);
        self.committer.commit(Command::Tick).await?;
        let mut stepped = Stepped { now: to, revision: 0, rounds: 0, settled: false, open: Vec::new() };
        while !stepped.settled && stepped.rounds < ROUNDS {
            stepped.rounds += 1;
            stepped.settled = !self.round(&mut reconcilers).await?;
        }
        let view = self.committer.view();
        stepped.now = view.state.now();
        stepped.revision = view.state.revision();
        stepped.open = view.state.ledger().iter().map(|operation| operation.id).collect();
        tracing::debug!(shard = self.committer.shard(), ?stepped, "stepped");
        Ok(stepped)
    }

    /// One round of the phases. Says whether anything moved.
    async fn round(&self, reconcilers: &mut [(Port, Reconciler)]) -> Result<bool, StepError> {
        let mut moved = false;
        for (port, reconciler) in reconcilers {
            moved |= reconciler.round().await.map_err(|error| match error {
                RoundError::Commit(error) => StepError::Commit(error),
                RoundError::Provider(refusal) => {
                    StepError::Provider { provider: port.name().to_owned(), reason: refusal.to_string() }
                }
            })?;
        }
        moved |= self.cycle.turn().await? == Turn::Committed;
        moved |= self.actuator.run_through().await? > 0;
        if moved {
            for port in self.providers.iter() {
                settle(port).await?;
            }
        }
        Ok(moved)
    }
}

/// Lets a simulated provider finish what it was told. Any other provider finishes by itself, and is only listed.
async fn settle(port: &Port) -> Result<(), StepError> {
    let failed = |reason: String| StepError::Provider { provider: port.name().to_owned(), reason };
    let mut steering = SimProviderClient::new(port.channel());
    let answer = timeout(SETTLE_LIMIT, steering.quiesce(QuiesceRequest { settle: true })).await;
    match answer.map_err(|_| failed("it did not settle in time".to_owned()))? {
        Ok(_) => Ok(()),
        Err(status) if matches!(status.code(), Code::Unimplemented | Code::PermissionDenied) => Ok(()),
        Err(status) => Err(failed(status.to_string())),
    }
}
