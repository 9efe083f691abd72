//! What the pools' policies see, and what of it has to be committed.
//!
//! Metrics are soft: a new leader begins without any, and a policy that cannot see holds. What a policy decides goes through the
//! log, and only when it moves the pool: an unchanged pool writes nothing.

use std::collections::BTreeMap;

use argosy_model::{ShardTime, State};
use argosy_pool::{Clock, Decision, Percent, QueueDepth, Reading, Series, decide};
use argosy_shard::{Command, Pool, ShardState};

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

/// What one look at a pool came to.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The pool.
    pub name: &'a str,
    /// It, as the log has it.
    pub pool: &'a Pool,
    /// Its machines that work.
    pub ready: u32,
    /// What its policy decided.
    pub decision: Decision,
}

impl Judged<'_> {
    /// The command that moves the pool, if it is to move.
    #[must_use]
    pub fn command(&self) -> Option<Command> {
        let (pool, specified_at) = (self.name.to_owned(), self.pool.specified_at);
        let moves = self.decision.target != self.pool.standing.target;
        moves.then(|| Command::SizePool { pool, specified_at, decision: self.decision.clone() })
    }
}

/// What a leader knows of its pools.
#[derive(Debug, Default)]
pub struct Desk {
    known: BTreeMap<String, Known>,
}

impl Desk {
    /// Takes in what somebody tells about a pool that there is.
    pub fn tell(&mut self, pool: &str, told: Told, at: ShardTime) {
        let known = self.known.entry(pool.to_owned()).or_default();
        if let Some(jobs) = told.jobs {
            known.queue = Some(QueueDepth { jobs, at });
        }
        if let Some(utilisation) = told.utilisation {
            known.utilisation.push(at, utilisation);
        }
    }

    /// What was decided when a pool was last looked at, whether or not it moved the pool.
    #[must_use]
    pub fn judged(&self, pool: &str) -> Option<Decision> {
        self.known.get(pool).and_then(|known| known.judged.clone())
    }

    /// What every policy decides now; what is known of pools that are gone is forgotten.
    pub fn judge<'a>(&mut self, state: &'a ShardState, at: ShardTime, clock: Clock) -> Vec<Judged<'a>> {
        self.known.retain(|name, _| state.pool(name).is_some());
        let judge = |(name, pool): (&'a str, &'a Pool)| {
            let known = self.known.entry(name.to_owned()).or_default();
            let ready = ready(state, name);
            let stale_after = pool.specification.stale_after.0;
            let utilisation = &known.utilisation;
            let reading = Reading { at, clock, ready, utilisation, queue: known.queue, stale_after };
            let decision = decide(&pool.specification, &pool.standing, &reading);
            known.judged = Some(decision.clone());
            Judged { name, pool, ready, decision }
        };
        state.pools().map(judge).collect()
    }
}

/// Machines of a pool that work: bound, and good for cover.
#[must_use]
pub fn ready(state: &ShardState, pool: &str) -> u32 {
    let claimant = state.fleet().words.find_cluster(&Pool::claimant(pool));
    let count = claimant.map_or(0, |claimant| state.fleet().classes().covering(claimant));
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Machines that are on their way to a pool.
#[must_use]
pub fn coming(state: &ShardState, pool: &str) -> u32 {
    let Some(claimant) = state.fleet().words.find_cluster(&Pool::claimant(pool)) else { return 0 };
    let count = |doing| state.fleet().count(doing, Some(claimant));
    u32::try_from(count(State::Creating) + count(State::Configuring)).unwrap_or(u32::MAX)
}
