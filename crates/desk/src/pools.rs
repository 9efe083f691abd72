//! What the pools' policies see, and what of it has to be committed.
//!
//! Metrics are soft: a new leader begins without any, and a policy that cannot see holds. What a policy decides goes through the
//! log, and only when it moves the pool: an unchanged pool writes nothing.

use std::collections::BTreeMap;

use argosy_model::{MachineIx, ShardTime, State};
use argosy_pool::{Clock, Decision, Percent, QueueDepth, Reading, Series, decide};
use argosy_shard::{Command, Pool, ShardState};

use crate::window::Window;

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
    /// When utilisation was last told by somebody.
    told: Option<ShardTime>,
    /// What agents have said since the last point.
    window: Window,
    /// Why the last word of somebody who was asked is none.
    trouble: Option<String>,
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
            known.told = Some(at);
        }
        known.trouble = None;
    }

    /// Takes in what one machine of a pool says of itself.
    pub fn sampled(&mut self, pool: &str, machine: MachineIx, utilisation: Percent, at: ShardTime) {
        match self.known.get_mut(pool) {
            Some(known) => known.window.take(machine, utilisation, at),
            None => self.known.entry(pool.to_owned()).or_default().window.take(machine, utilisation, at),
        }
    }

    /// Somebody who was asked about a pool did not say: its policy goes by what is known, until that is too old.
    pub fn failed(&mut self, pool: &str, why: String) {
        self.known.entry(pool.to_owned()).or_default().trouble = Some(why);
    }

    /// What a pool's metrics are, in words.
    #[must_use]
    pub fn metrics(&self, pool: &Pool, now: ShardTime) -> String {
        let Some(known) = self.known.get(&pool.specification.name) else { return String::new() };
        let stale_after = pool.specification.stale_after.0;
        let utilisation = known.utilisation.newest(now, stale_after).map(|percent| format!("utilisation {percent}"));
        let jobs =
            known.queue.filter(|queue| now.since(queue.at) <= stale_after).map(|queue| format!("{} jobs", queue.jobs));
        let window = known.window.shortage().filter(|_| utilisation.is_none());
        let parts = [utilisation, jobs, window, known.trouble.clone()];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
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
            let is_told = known.told.is_some_and(|told| at.since(told) <= stale_after);
            let sources = &pool.specification.metrics;
            if let Some(mean) = known.window.close(at, ready)
                && sources.agents
                && !sources.asks_utilisation()
                && !is_told
            {
                known.utilisation.push(at, mean);
            }
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

#[cfg(test)]
mod tests {
    use argosy_pool::PoolFile;
    use argosy_shard::{By, Envelope, Genesis};

    use super::*;

    const POOL: &str = "name: p, min: 2, max: 9, machine: {resources: {cpu: 1}}, autoscaler: {reactive: {}}";

    /// A shard with one pool.
    fn shard(more: &str) -> ShardState {
        let file = PoolFile::parse("f", &format!("{{version: 1, pools: [{{{POOL}{more}}}]}}")).expect("sound");
        let genesis = Genesis { shard: "s".to_owned(), shards: vec!["s".to_owned()], ..Genesis::default() };
        let specification = Box::new(file.pools[0].clone());
        let commands =
            [Command::Genesis(genesis), Command::LeaderStarted, Command::SetPool { specification, by: By::default() }];
        let mut state = ShardState::new();
        for (index, command) in (1..).zip(commands) {
            let entry = Envelope { at: ShardTime(0), proposed_in_term: 1, command };
            state.apply(index, 1, &entry.encode());
        }
        assert!(state.pool("p").is_some());
        state
    }

    fn sampled(desk: &mut Desk, machine: usize, percent: u32, at: u64) {
        desk.sampled("p", MachineIx::from_index(machine), Percent::whole(percent), ShardTime(at));
    }

    fn judged(desk: &mut Desk, state: &ShardState, at: u64) -> String {
        let judged = desk.judge(state, ShardTime(at), Clock::from_unix_ms(0)).remove(0);
        judged.decision.reason.to_string()
    }

    #[test]
    fn what_agents_say_becomes_one_point_for_each_window_and_goes_stale() {
        let (state, mut desk) = (shard(""), Desk::default());
        sampled(&mut desk, 1, 100, 0);
        sampled(&mut desk, 2, 70, 1_000);
        judged(&mut desk, &state, 9_000);
        assert_eq!(desk.known["p"].utilisation.len(), 0, "the window is open");
        judged(&mut desk, &state, 10_000);
        let pool = state.pool("p").expect("there");
        assert_eq!(desk.metrics(pool, ShardTime(10_000)), "utilisation 85 %");
        assert_eq!(desk.metrics(pool, ShardTime(310_001)), "", "five minutes later nobody knows");
    }

    #[test]
    fn agents_are_not_listened_to_where_somebody_else_is_asked_or_tells() {
        let asked = ", metrics: {prometheus: {url: \"https://p\", utilisation: q}}";
        for (state, tells) in [(shard(asked), false), (shard(", metrics: {agents: false}"), false), (shard(""), true)] {
            let mut desk = Desk::default();
            if tells {
                desk.tell("p", Told { utilisation: Some(Percent::whole(10)), jobs: None }, ShardTime(0));
            }
            sampled(&mut desk, 1, 90, 1);
            judged(&mut desk, &state, 20_000);
            let newest = desk.known["p"].utilisation.newest(ShardTime(20_000), argosy_model::Duration::from_secs(60));
            assert_eq!(newest, tells.then(|| Percent::whole(10)));
        }
    }

    #[test]
    fn why_nobody_says_how_a_pool_is_is_shown_until_somebody_does() {
        let (state, mut desk) = (shard(""), Desk::default());
        desk.failed("p", "Prometheus: HTTP 503".to_owned());
        let pool = state.pool("p").expect("there");
        assert_eq!(desk.metrics(pool, ShardTime(0)), "Prometheus: HTTP 503");
        desk.tell("p", Told { jobs: Some(7), utilisation: None }, ShardTime(0));
        assert_eq!(desk.metrics(pool, ShardTime(0)), "7 jobs");
    }
}
