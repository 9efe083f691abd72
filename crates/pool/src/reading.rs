//! What a policy may look at: the moment, the machines a pool has, and its metrics.

use argosy_model::{Duration, ShardTime};

use crate::calendar::Clock;
use crate::{Percent, Series};

/// Jobs that wait for a pool, as somebody pushed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// How many.
    pub jobs: u64,
    /// When it was said.
    pub at: ShardTime,
}

/// One look at a pool.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Shard time: what cooldowns and the age of metrics are counted in.
    pub at: ShardTime,
    /// The leader's wall clock: what schedules go by, and nothing else.
    pub clock: Clock,
    /// Machines of the pool that work now.
    pub ready: u32,
    /// Mean utilisation of those machines over time.
    pub utilisation: &'a Series,
    /// Jobs that wait.
    pub queue: Option<QueueDepth>,
    /// Metrics older than this are not believed.
    pub stale_after: Duration,
}

impl Reading<'_> {
    /// The utilisation of this moment, if it is known.
    #[must_use]
    pub fn utilisation_now(&self) -> Option<Percent> {
        self.utilisation.newest(self.at, self.stale_after)
    }

    /// The jobs that wait, if that is known.
    #[must_use]
    pub fn jobs_now(&self) -> Option<u64> {
        self.queue.filter(|queue| self.at.since(queue.at) <= self.stale_after).map(|queue| queue.jobs)
    }
}
