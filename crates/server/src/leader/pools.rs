//! Autoscaling: when the pools' policies look, and the commits that follow. What they see and decide is
//! [`argosy_desk::pools`]'s.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use argosy_desk::pools::Told;
use argosy_desk::pools::{Desk, Judged};
pub(crate) use argosy_desk::pools::{coming, ready};
use argosy_model::{ShardTime, State};
use argosy_pool::{Clock, Decision, Percent};
use argosy_proto::argosy::v1::AgentSample;
use argosy_shard::{Command, Pool, ShardState};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::commit::Committer;
use crate::metrics::names;

/// Between two looks at all pools when nothing calls for one.
const INTERVAL: Duration = Duration::from_secs(10);
/// What comes within this time of a call is looked at once.
const GATHER: Duration = Duration::from_millis(200);

/// The autoscaler of one leadership.
pub struct Autoscaler {
    committer: Arc<Committer>,
    desk: Mutex<Desk>,
    wanted: Notify,
}

impl Autoscaler {
    pub(super) fn new(committer: Arc<Committer>) -> Arc<Self> {
        Arc::new(Self { committer, desk: Mutex::default(), wanted: Notify::new() })
    }

    /// Takes in what somebody tells about a pool, and looks at it soon. Says whether there is such a pool.
    pub fn tell(&self, pool: &str, told: Told) -> bool {
        if self.committer.view().state.pool(pool).is_none() {
            return false;
        }
        let at = self.committer.clock().now();
        self.lock().tell(pool, told, at);
        self.look();
        true
    }

    /// Takes in what a machine's agent says of its load. A machine that serves no pool is none of this desk's business.
    pub(super) fn sampled(&self, machine: &str, sample: &AgentSample) {
        let Some(utilisation) = utilisation_of(sample) else { return };
        let view = self.committer.view();
        let fleet = view.state.fleet();
        let Some(ix) = fleet.find(machine).filter(|ix| fleet.machine(*ix).state == State::Configured) else { return };
        let claimant = fleet.machine(ix).cluster().map(|cluster| fleet.words.cluster_id(cluster));
        if let Some(pool) = claimant.and_then(Pool::named_by) {
            let at = self.committer.clock().now();
            self.lock().sampled(pool, ix, utilisation, at);
        }
    }

    /// Somebody who was asked about a pool did not say.
    pub(super) fn failed(&self, pool: &str, why: String) {
        self.lock().failed(pool, why);
    }

    /// What a pool's metrics are, in words.
    #[must_use]
    pub fn metrics(&self, pool: &Pool) -> String {
        let now = self.committer.clock().now();
        self.lock().metrics(pool, now)
    }

    /// Asks for a look at all pools soon.
    pub fn look(&self) {
        self.wanted.notify_one();
    }

    /// What was decided when a pool was last looked at, whether or not it moved the pool.
    #[must_use]
    pub fn judged(&self, pool: &str) -> Option<Decision> {
        self.lock().judged(pool)
    }

    /// Looks at all pools, now and again, until the leadership ends, which drops it.
    pub(super) async fn run(self: Arc<Self>) {
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.wanted.notified() => tokio::time::sleep(GATHER).await,
            }
            let (now, clock) = (self.committer.clock().now(), wall_clock());
            let view = self.committer.view();
            super::lanes::measure(self.committer.shard(), &view.state);
            for command in self.judge(&view.state, now, clock) {
                if let Err(error) = self.committer.commit(command).await {
                    tracing::warn!(shard = self.committer.shard(), %error, "a pool was not sized; it is looked at again");
                }
            }
            next = Instant::now() + INTERVAL;
        }
    }

    /// What every policy decides, as commands for the pools that are to move.
    fn judge(&self, state: &ShardState, at: ShardTime, clock: Clock) -> Vec<Command> {
        let mut moves = Vec::new();
        for judged in self.lock().judge(state, at, clock) {
            let Judged { name, pool, ready, decision } = &judged;
            self.measure(name, *ready, decision);
            if let Some(command) = judged.command() {
                tracing::info!(shard = self.committer.shard(), pool = name, from = pool.standing.target, to = decision.target,
                    wanted = decision.wanted, reason = %decision.reason, "a pool moves");
                moves.push(command);
            }
        }
        moves
    }

    fn measure(&self, pool: &str, ready: u32, decision: &Decision) {
        let labels = || [("shard", self.committer.shard().to_owned()), ("pool", pool.to_owned())];
        metrics::gauge!(names::POOL_READY, &labels()).set(f64::from(ready));
        metrics::gauge!(names::POOL_TARGET, &labels()).set(f64::from(decision.target));
        metrics::gauge!(names::POOL_WANTED, &labels()).set(f64::from(decision.wanted));
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How loaded a machine is: the mean over its GPUs, or its processors where it has none. `None` when it does not say.
fn utilisation_of(sample: &AgentSample) -> Option<Percent> {
    if sample.gpus.is_empty() {
        return sample.cpu_percent.and_then(Percent::read);
    }
    let said: Vec<u32> = sample.gpus.iter().filter_map(|gpu| gpu.utilization_percent).collect();
    let sum: u32 = said.iter().map(|percent| (*percent).min(100)).sum();
    let count = u32::try_from(said.len()).ok().filter(|count| *count > 0)?;
    Percent::read(f64::from(sum) / f64::from(count))
}

/// The clock on the wall of this node. Only schedules go by it.
pub(crate) fn wall_clock() -> Clock {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Clock::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
