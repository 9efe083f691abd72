//! From gaining the leadership of a shard to losing it: take over, run, and leave nothing behind.

use std::sync::Arc;
use std::time::Duration;

use argosy_failpoint::{Failpoint, fires, pause};
use argosy_raft::Leadership;
use argosy_shard::{Command, Rejection, Response};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::actuator::Actuator;
use super::agents::{AgentEvents, Agents, SoftEvents};
use super::clock::Clock;
use super::commit::{CommitError, Committer};
use super::cycle::Cycle;
use super::health::{self, HealthDesk};
use super::lockstep::Lockstep;
use super::measure::Measure;
use super::notify::Notifier;
use super::pools::Autoscaler;
use super::reconcile::{Portion, Reconciler};
use super::sessions::Hub;
use super::{Leader, LeaderSettings, Mode, timers};
use super::{prometheus, repair};
use crate::metrics::names;
use crate::replica::{Listener, Replica};

/// Before another try at taking over, when the last one failed while this node leads.
const PAUSE: Duration = Duration::from_millis(500);

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
        if let Some(reason) = replica.misplaced() {
            tracing::error!(shard = replica.name(), reason, "nothing is decided for a log that is another shard's");
            tokio::select! {
                () = over(&mut leadership, term) => continue,
                () = closing.cancelled() => return,
            }
        }
        let runtime = tokio::select! {
            runtime = begin(&replica, &settings, term) => runtime,
            () = over(&mut leadership, term) => continue,
            () = closing.cancelled() => return,
        };
        match runtime {
            Ok(runtime) => {
                tokio::select! {
                    () = over(&mut leadership, term) => {}
                    () = runtime.resumed() => {}
                    () = resigned() => {}
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

/// How long a leader may wait at a failpoint before it takes its shard over.
const TAKEN_OVER_LATE: Duration = Duration::from_secs(2);
/// How often a leadership passes the failpoint that ends it.
const RESIGNS_EVERY: Duration = Duration::from_secs(10);

/// Returns when a failpoint has this leadership end; never in what is deployed.
async fn resigned() {
    if !argosy_failpoint::ARMED {
        std::future::pending::<()>().await;
    }
    while !fires(Failpoint::LeadershipResigned) {
        tokio::time::sleep(RESIGNS_EVERY).await;
    }
}

/// The running parts of one leadership.
struct Runtime {
    replica: Replica,
    leader: Arc<Leader>,
    listeners: [Arc<dyn Listener>; 2],
    tasks: JoinSet<()>,
}

/// Takes the shard over: begins it if nobody has, commits this leader's start, and starts the runtime.
async fn begin(replica: &Replica, settings: &LeaderSettings, term: u64) -> Result<Runtime, CommitError> {
    if let Some(pause) = pause(Failpoint::TakeOverLate, TAKEN_OVER_LATE) {
        tokio::time::sleep(pause).await;
    }
    let view = replica.view();
    let state = &view.state;
    let clock = match settings.mode {
        Mode::Running => Clock::running(state.now()),
        Mode::Lockstep => Clock::lockstep(state.now()),
    };
    let committer = Committer::new(replica.clone(), term, clock);
    if !state.has_begun() {
        committer.commit(Command::Genesis(settings.genesis.clone())).await?;
        tracing::info!(shard = replica.name(), "the shard begins");
    }
    match committer.commit(Command::LeaderStarted).await {
        Ok(started) => {
            let renewed = if let Response::Leader { renewed } = started.response { renewed } else { 0 };
            tracing::info!(shard = replica.name(), term, index = started.index, renewed, "leading");
        }
        Err(CommitError::Rejected(halted @ Rejection::Halted { .. })) => {
            tracing::error!(shard = replica.name(), term, %halted, "leading a halted shard: it only takes an administrator's resume");
            let lockstep = LeaderSettings { mode: Mode::Lockstep, ..settings.clone() };
            return Ok(Runtime::start(replica, &lockstep, committer));
        }
        Err(error) => return Err(error),
    }
    metrics::counter!(names::LEADERSHIPS, "shard" => replica.name().to_owned()).increment(1);
    metrics::gauge!(names::LEADER, "shard" => replica.name().to_owned()).set(1.0);
    Ok(Runtime::start(replica, settings, committer))
}

impl Runtime {
    fn start(replica: &Replica, settings: &LeaderSettings, committer: Arc<Committer>) -> Self {
        let ended = CancellationToken::new();
        let hub = Hub::new(Arc::clone(&committer), settings.sessions, ended.clone());
        let measure = Measure::new(replica.name(), settings.pace.interval);
        let listeners: [Arc<dyn Listener>; 2] = [Arc::clone(&hub) as _, Arc::clone(&measure) as _];
        for listener in &listeners {
            replica.published().listen(Arc::clone(listener));
        }
        let cycle = Arc::new(Cycle::new(Arc::clone(&committer)));
        let providers = settings.providers.clone();
        let (calls, concurrency) = (settings.calls, settings.concurrency);
        let notifier = Notifier::new(Arc::clone(&committer), Arc::clone(&settings.post));
        let told = (Arc::clone(&hub), Arc::clone(&notifier));
        let actuator = Actuator::new(Arc::clone(&committer), told, providers.clone(), calls, concurrency);
        let actuator = Arc::new(actuator);
        let autoscaler = Autoscaler::new(Arc::clone(&committer));
        let mut tasks = JoinSet::new();
        let health = HealthDesk::new(Arc::clone(&committer), settings.mode == Mode::Running);
        let events: Arc<dyn AgentEvents> = match settings.mode {
            Mode::Running => Arc::clone(&health) as _,
            // Nothing but steps may enter the log.
            Mode::Lockstep => Arc::new(SoftEvents::default()),
        };
        let agents =
            Agents::new(Arc::clone(&committer), &settings.node, events, Arc::clone(&autoscaler), ended.clone());
        let lockstep = match settings.mode {
            Mode::Lockstep => Some(Lockstep::new(Arc::clone(&committer), Arc::clone(&cycle), actuator, providers)),
            Mode::Running => {
                let after = after_cycle(&hub, &cycle, measure);
                spawn(&mut tasks, settings, &committer, &cycle, after, actuator);
                tasks.spawn(Arc::clone(&autoscaler).run());
                tasks.spawn(prometheus::run(Arc::clone(&committer), Arc::clone(&autoscaler)));
                tasks.spawn(health::run(Arc::clone(&health)));
                tasks.spawn(Arc::clone(&notifier).run());
                tasks.spawn(repair::run(Arc::clone(&committer), Arc::clone(&agents), Arc::clone(&health)));
                None
            }
        };
        let leader = Leader { committer, hub, agents, cycle, autoscaler, health, notifier, lockstep, ended };
        let leader = Arc::new(leader);
        replica.set_leader(Some(Arc::clone(&leader)));
        Self { replica: replica.clone(), leader, listeners, tasks }
    }

    /// Returns when a shard that was halted when this leadership began has been resumed; never for any other.
    async fn resumed(&self) {
        let mut views = self.replica.watch();
        if self.leader.view().state.leader_term() == self.leader.term() {
            std::future::pending::<()>().await;
        }
        // The replica outlives its leadership.
        let _ = views.wait_for(|view| view.state.halted().is_none()).await;
    }

    /// Ends everything. When this returns, no part of the leadership runs any more: no call is made, nothing proposed.
    async fn end(mut self) {
        self.replica.set_leader(None);
        for listener in &self.listeners {
            self.replica.published().unlisten(listener);
        }
        self.leader.ended.cancel();
        self.tasks.shutdown().await;
        if let Some(lockstep) = &self.leader.lockstep {
            lockstep.idle().await;
        }
        self.leader.hub.close().await;
        self.leader.agents.close().await;
        metrics::gauge!(names::LEADER, "shard" => self.replica.name().to_owned()).set(0.0);
        tracing::info!(shard = self.replica.name(), term = self.leader.term(), "no longer leading");
    }
}

/// What follows a cycle: hints to the operators, and the gauges.
fn after_cycle(hub: &Arc<Hub>, cycle: &Arc<Cycle>, measure: Arc<Measure>) -> impl Fn() + Send + Sync + 'static {
    let (hub, decided) = (Arc::clone(hub), cycle.decided());
    move || {
        hub.hint();
        let last = decided.borrow().clone();
        measure.cycle_ended(last.as_deref());
    }
}

fn spawn(
    tasks: &mut JoinSet<()>,
    settings: &LeaderSettings,
    committer: &Arc<Committer>,
    cycle: &Arc<Cycle>,
    after_cycle: impl Fn() + Send + Sync + 'static,
    actuator: Arc<Actuator>,
) {
    let (pace, listing, cycle) = (settings.pace, settings.listing, Arc::clone(cycle));
    tasks.spawn(async move { cycle.run(pace, after_cycle).await });
    tasks.spawn(async move { actuator.run().await });
    tasks.spawn(timers::run(Arc::clone(committer)));
    for port in settings.providers.iter() {
        tasks.spawn(Reconciler::new(Arc::clone(committer), port, Portion::Page).run(listing));
    }
}
