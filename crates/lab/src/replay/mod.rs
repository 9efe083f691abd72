//! Replaying a production trace against the real three-node fleet, in lock-step.
//!
//! The processes are those that a deployment runs: nodes with replicated shards on disk, a provider behind gRPC with
//! fences, operators' sessions. Only time is ours: shard time is moved to each step of the trace, and the replay goes on
//! when nothing is left to do at that moment. So equal inputs give equal decisions, and the trace's months take minutes.
//!
//! ```text
//!  agenda: steps of the trace ──> books: who asks for what ──> sessions ──> acknowledged
//!                                                                              │
//!  report <── evidence: nothing lost, nothing doubled <── steps of all shards <┘        killer: kill -9, restart
//! ```

mod agenda;
mod books;
mod drive;
mod evidence;
mod killer;
mod report;
mod scenario;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use argosy_localfleet::{FleetError, LocalFleet};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::agenda::Agenda;
use self::books::Books;
use self::drive::Drive;
use self::evidence::Evidence;
use self::killer::Killer;
pub use self::report::Report;
use self::scenario::Scenario;
use argosy_trace::Trace;

/// What a replay is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The binary `argosy`.
    pub program: PathBuf,
    /// Where the fleet's files go; must not hold a fleet yet.
    pub dir: PathBuf,
    /// Into how many clusters the tasks are dealt.
    pub clusters: u32,
    /// Over how many shards the clusters and the nodes are dealt, evenly. Clusters of one shard compete for its machines.
    pub shards: u32,
    /// Events of the trace within this time are one step, milliseconds.
    pub step_ms: u64,
    /// Decides where nodes stand, and the provider's latencies.
    pub seed: u64,
    /// Kill the leader of each shard in turn, this often.
    pub kill_leaders_every: Option<Duration>,
    /// Log entries between snapshots: few, to make restarted nodes catch up from one.
    pub snapshot_every: Option<u64>,
    /// Bad rows that were left out of the trace.
    pub skipped_rows: u64,
}

/// Why a replay did not come to an end.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The fleet.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The trace makes no fleet.
    #[error("ARG-0920: the trace has no {0}; nothing can be replayed")]
    Empty(&'static str),
    /// The clusters cannot be dealt evenly.
    #[error("ARG-0926: {clusters} clusters cannot be dealt evenly over {shards} shards; give a multiple of the shards")]
    Uneven {
        /// Clusters.
        clusters: u32,
        /// Shards.
        shards: u32,
    },
    /// The directory is taken.
    #[error("ARG-0921: {} holds something already; a replay starts from nothing: give another --dir, or remove it", .0.display())]
    Taken(PathBuf),
    /// A step was not finished by any leader in time.
    #[error("ARG-0922: shard {shard} did not finish the step to {at_ms} ms of its time in {seconds} s: {last}")]
    Stuck {
        /// The shard.
        shard: String,
        /// The step.
        at_ms: u64,
        /// How long it was tried.
        seconds: u64,
        /// The last answer.
        last: String,
    },
    /// A roll-up was not acknowledged in time.
    #[error("ARG-0923: the roll-up of {cluster} was not acknowledged within {seconds} s")]
    Unacknowledged {
        /// The cluster.
        cluster: String,
        /// How long it was waited for.
        seconds: u64,
    },
}

/// Replays `trace`. `progress` hears of every step: how many are done, of how many.
pub async fn run(trace: &Trace, options: &Options, progress: &dyn Fn(u64, u64)) -> Result<Report, ReplayError> {
    let begun = Instant::now();
    let scenario = Scenario::new(trace, options)?;
    let agenda = Agenda::new(&trace.tasks, options.step_ms);
    let fleet = LocalFleet::start(scenario.start.clone()).await?;
    let clients = fleet.clients().clone();
    let fleet = Arc::new(Mutex::new(fleet));
    let killer = options.kill_leaders_every.map(|every| Killer::start(Arc::clone(&fleet), every));

    let mut books = Books::new(trace, &scenario.clusters);
    let mut drive = Drive::new(&scenario.start.blueprint, &clients)?;
    let mut evidence = Evidence::default();
    let steps = agenda.steps.len() as u64;
    for (done, step) in (1..).zip(&agenda.steps) {
        let changed = books.happen(step);
        drive.submit(&changed, &books).await?;
        let answers = drive.step_all(step.at_ms).await?;
        answers.iter().for_each(|(shard, answer)| evidence.note(shard, answer));
        let rows = drive.needs_and_machines(step.at_ms).await?;
        books.close_step(step.at_ms, &rows);
        progress(done, steps);
    }

    let kills = match killer {
        Some(killer) => killer.stop().await?,
        None => 0,
    };
    let mut fleet = Arc::into_inner(fleet).expect("the killer has ended").into_inner();
    fleet.wait_for_leaders(Duration::from_secs(30)).await?;
    let answers = drive.step_all(agenda.end_ms()).await?;
    answers.iter().for_each(|(shard, answer)| evidence.note(shard, answer));
    evidence.compare_replicas(&fleet).await;
    evidence.read_ledger(&fleet).await;
    fleet.stop().await?;
    Ok(Report::new(trace, options, &books, &evidence, kills, begun.elapsed()))
}
