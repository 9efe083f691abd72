//! Autoscaling: what the pools' policies see, and the commits that follow.
//!
//! Metrics are soft: a new leader begins without any, and a policy that cannot see holds. What a policy decides goes through
//! the log, and only when it moves the pool: an unchanged pool writes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use argosy_model::{ShardTime, State};
use argosy_pool::{Clock, Decision, Percent, QueueDepth, Reading, Series, decide};
use argosy_shard::{Command, Pool, ShardState};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::commit::Committer;
use crate::metrics::names;

/// Between two looks at all pools when nothing calls for one.
const INTERVAL: Duration = Duration::from_secs(10);
/// What comes within this time of a call is looked at once.
const GATHER: Duration = Duration::from_millis(200);

/// What somebody tells about a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Jobs that wait.
    pub jobs: Option<u64>,
    /// Mean utilisation.
    pub utilisation: Option<Percent>,
}

/// What is known of one pool beside the committed state.
#[derive(Debug, Default)]
struct Known {
    utilisation: Series,
    queue: Option<QueueDepth>,
    judged: Option<Decision>,
}

/// The autoscaler of one leadership.
pub struct Autoscaler {
    committer: Arc<Committer>,
    known: Mutex<BTreeMap<String, Known>>,
    wanted: Notify,
}

impl Autoscaler {
    pub(super) fn new(committer: Arc<Committer>) -> Arc<Self> {
        Arc::new(Self { committer, known: Mutex::default(), wanted: Notify::new() })
    }

    /// Takes in what somebody tells about a pool, and looks at it soon. Says whether there is such a pool.
    pub fn tell(&self, pool: &str, told: Told) -> bool {
        if self.committer.view().state.pool(pool).is_none() {
            return false;
        }
        let at = self.committer.clock().now();
        let mut all = self.lock();
        let known = all.entry(pool.to_owned()).or_default();
        if let Some(jobs) = told.jobs {
            known.queue = Some(QueueDepth { jobs, at });
        }
        if let Some(utilisation) = told.utilisation {
            known.utilisation.push(at, utilisation);
        }
        drop(all);
        self.look();
        true
    }

    /// Asks for a look at all pools soon.
    pub fn look(&self) {
        self.wanted.notify_one();
    }

    /// What was decided when a pool was last looked at, whether or not it moved the pool.
    #[must_use]
    pub fn judged(&self, pool: &str) -> Option<Decision> {
        self.lock().get(pool).and_then(|known| known.judged.clone())
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
        let mut all = self.lock();
        all.retain(|name, _| state.pool(name).is_some());
        let mut moves = Vec::new();
        for (name, pool) in state.pools() {
            let known = all.entry(name.to_owned()).or_default();
            let ready = ready(state, name);
            let stale_after = pool.specification.stale_after.0;
            let utilisation = &known.utilisation;
            let reading = Reading { at, clock, ready, utilisation, queue: known.queue, stale_after };
            let decision = decide(&pool.specification, &pool.standing, &reading);
            self.measure(name, ready, &decision);
            if decision.target != pool.standing.target {
                tracing::info!(shard = self.committer.shard(), pool = name, from = pool.standing.target, to = decision.target,
                    wanted = decision.wanted, reason = %decision.reason, "a pool moves");
                let (specified_at, decision) = (pool.specified_at, decision.clone());
                moves.push(Command::SizePool { pool: name.to_owned(), specified_at, decision });
            }
            known.judged = Some(decision);
        }
        moves
    }

    fn measure(&self, pool: &str, ready: u32, decision: &Decision) {
        let labels = || [("shard", self.committer.shard().to_owned()), ("pool", pool.to_owned())];
        metrics::gauge!(names::POOL_READY, &labels()).set(f64::from(ready));
        metrics::gauge!(names::POOL_TARGET, &labels()).set(f64::from(decision.target));
        metrics::gauge!(names::POOL_WANTED, &labels()).set(f64::from(decision.wanted));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Machines of a pool that work: bound, and good for cover.
pub(crate) fn ready(state: &ShardState, pool: &str) -> u32 {
    let claimant = state.fleet().words.find_cluster(&Pool::claimant(pool));
    let count = claimant.map_or(0, |claimant| state.fleet().classes().covering(claimant));
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Machines that are on their way to a pool.
pub(crate) fn coming(state: &ShardState, pool: &str) -> u32 {
    let Some(claimant) = state.fleet().words.find_cluster(&Pool::claimant(pool)) else { return 0 };
    let count = |doing| state.fleet().count(doing, Some(claimant));
    u32::try_from(count(State::Creating) + count(State::Configuring)).unwrap_or(u32::MAX)
}

fn wall_clock() -> Clock {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Clock::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
