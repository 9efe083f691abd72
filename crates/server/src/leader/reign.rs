//! From gaining the leadership of a shard to losing it: take over, run, and leave nothing behind.

use std::sync::Arc;
use std::time::Duration;

use argosy_raft::Leadership;
use argosy_shard::{Command, Response};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::actuator::Actuator;
use super::clock::Clock;
use super::commit::{CommitError, Committer};
use super::cycle::Cycle;
use super::lockstep::Lockstep;
use super::reconcile::{Portion, Reconciler};
use super::sessions::Hub;
use super::{Leader, LeaderSettings, Mode, timers};
use crate::metrics::names;
use crate::replica::{Listener, Replica};

/// Before another try at taking over, when the last one failed while this node leads.
const PAUSE: Duration = Duration::from_millis(100);

/// Follows the leadership of one shard and runs the leader's runtime whenever it is this node's. Ends with `closing`,
/// after everything that it started has ended.
pub(crate) async fn supervise(replica: Replica, settings: Arc<LeaderSettings>, closing: CancellationToken) {
    let mut leadership = replica.group().leadership();
    while !closing.is_cancelled() {
        let ready = tokio::select! {
            ready = leadership.wait_for(|leadership| leadership.ready) => ready.map(|leadership| leadership.term),
            () = closing.cancelled() => return,
        };
        // The group has shut down.
        let Ok(term) = ready else { return };
        let runtime = tokio::select! {
            runtime = begin(&replica, &settings, term) => runtime,
            () = over(&mut leadership, term) => continue,
            () = closing.cancelled() => return,
        };
        match runtime {
            Ok(runtime) => {
                tokio::select! {
                    () = over(&mut leadership, term) => {}
                    () = closing.cancelled() => {}
                }
                runtime.end().await;
            }
            Err(error) => {
                tracing::error!(shard = replica.name(), term, %error, "could not take over the shard; trying again");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = closing.cancelled() => return,
                }
            }
        }
    }
}

/// Returns when the leadership of `term` has ended.
async fn over(leadership: &mut watch::Receiver<Leadership>, term: u64) {
    // An error means that the group has shut down, which ends it too.
    let _ = leadership.wait_for(|now| !now.ready || now.term != term).await;
}

/// The running parts of one leadership.
struct Runtime {
    replica: Replica,
    leader: Arc<Leader>,
    listener: Arc<dyn Listener>,
    tasks: JoinSet<()>,
}

/// Takes the shard over: begins it if nobody has, commits this leader's start, and starts the runtime.
async fn begin(replica: &Replica, settings: &LeaderSettings, term: u64) -> Result<Runtime, CommitError> {
    let state = &replica.view().state;
    let clock = match settings.mode {
        Mode::Running => Clock::running(state.now()),
        Mode::Lockstep => Clock::lockstep(state.now()),
    };
    let committer = Committer::new(replica.clone(), term, clock);
    if !state.has_begun() {
        committer.commit(Command::Genesis(settings.genesis.clone())).await?;
        tracing::info!(shard = replica.name(), "the shard begins");
    }
    let started = committer.commit(Command::LeaderStarted).await?;
    let renewed = if let Response::Leader { renewed } = started.response { renewed } else { 0 };
    tracing::info!(shard = replica.name(), term, index = started.index, renewed, "leading");
    metrics::counter!(names::LEADERSHIPS, "shard" => replica.name().to_owned()).increment(1);
    metrics::gauge!(names::LEADER, "shard" => replica.name().to_owned()).set(1.0);
    Ok(Runtime::start(replica, settings, committer))
}

impl Runtime {
    fn start(replica: &Replica, settings: &LeaderSettings, committer: Arc<Committer>) -> Self {
        let ended = CancellationToken::new();
        let hub = Hub::new(Arc::clone(&committer), settings.sessions, ended.clone());
        let listener: Arc<dyn Listener> = Arc::clone(&hub) as _;
        replica.published().listen(Arc::clone(&listener));
        let cycle = Arc::new(Cycle::new(Arc::clone(&committer)));
        let providers = settings.providers.clone();
        let (calls, concurrency) = (settings.calls, settings.concurrency);
        let actuator = Actuator::new(Arc::clone(&committer), Arc::clone(&hub), providers.clone(), calls, concurrency);
        let actuator = Arc::new(actuator);
        let mut tasks = JoinSet::new();
        let lockstep = match settings.mode {
            Mode::Lockstep => Some(Lockstep::new(Arc::clone(&committer), Arc::clone(&cycle), actuator, providers)),
            Mode::Running => {
                spawn(&mut tasks, settings, &committer, &hub, &cycle, actuator);
                None
            }
        };
        let leader = Arc::new(Leader { committer, hub, cycle, lockstep, ended });
        replica.set_leader(Some(Arc::clone(&leader)));
        Self { replica: replica.clone(), leader, listener, tasks }
    }

    /// Ends everything. When this returns, no part of the leadership runs any more: no call is made, nothing proposed.
    async fn end(mut self) {
        self.replica.set_leader(None);
        self.replica.published().unlisten(&self.listener);
        self.leader.ended.cancel();
        self.tasks.shutdown().await;
        if let Some(lockstep) = &self.leader.lockstep {
            lockstep.idle().await;
        }
        self.leader.hub.close().await;
        metrics::gauge!(names::LEADER, "shard" => self.replica.name().to_owned()).set(0.0);
        tracing::info!(shard = self.replica.name(), term = self.leader.term(), "no longer leading");
    }
}

fn spawn(
    tasks: &mut JoinSet<()>,
    settings: &LeaderSettings,
    committer: &Arc<Committer>,
    hub: &Arc<Hub>,
    cycle: &Arc<Cycle>,
    actuator: Arc<Actuator>,
) {
    let (pace, listing) = (settings.pace, settings.listing);
    tasks.spawn({
        let (cycle, hub) = (Arc::clone(cycle), Arc::clone(hub));
        async move { cycle.run(pace, || hub.hint()).await }
    });
    tasks.spawn(async move { actuator.run().await });
    tasks.spawn(timers::run(Arc::clone(committer)));
    for port in settings.providers.iter() {
        tasks.spawn(Reconciler::new(Arc::clone(committer), port, Portion::Page).run(listing));
    }
}
