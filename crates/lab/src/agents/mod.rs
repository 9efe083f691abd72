//! Many node agents on one real node: what their streams cost it, and that nothing but transitions reaches its log.
//!
//! Some agents are whole: an uplink, a journal, a certificate and a connection each. The others are streams as another node
//! passes them on, many to a connection, for 100,000 TLS connections do not fit beside the node on one machine.
//!
//! ```text
//!  crowd: 10,000 uplinks, a connection each ──┐
//!                                             ├──> the node (a process) ──> its log: counted
//!  carried: 90,000 streams, 64 connections ───┘        └─ its processor time, memory: measured
//! ```

mod carried;
mod crowd;
mod gauge;
mod report;
mod stage;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use argosy_localfleet::FleetError;
use thiserror::Error;
use tokio::time::{Instant, sleep, sleep_until};

use self::carried::Carried;
use self::crowd::Crowd;
use self::gauge::Reading;
pub use self::report::Report;
use self::stage::Stage;
use self::words::Tally;

/// How long all agents may take to be welcomed.
const CONNECT_PATIENCE: Duration = Duration::from_secs(300);
/// How long what happened may take to become verdicts.
const VERDICT_PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks while something is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Options {
    /// The binary `argosy`.
    pub program: PathBuf,
    /// Where the fleet's files go; must not hold a fleet yet.
    pub dir: PathBuf,
    /// Agents in all, a machine each.
    pub agents: u32,
    /// How many of them have a connection of their own.
    pub streams: u32,
    /// Between two samples of one agent.
    pub interval: Duration,
    /// How long is measured once all are connected.
    pub span: Duration,
    /// On how many machines something happens at the end.
    pub faults: u32,
}

/// Why nothing could be measured.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The fleet.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The numbers do not fit.
    #[error("ARG-0930: {0}")]
    Options(&'static str),
    /// Too few files may be open.
    #[error(
        "ARG-0931: {wanted} files have to be open at once and {allowed} may be; raise the limit (ulimit -Hn), or give fewer --streams"
    )]
    Files {
        /// How many are needed.
        wanted: u64,
        /// How many there may be.
        allowed: u64,
    },
    /// Something did not come about in time.
    #[error("ARG-0932: {what} within {seconds} s; the node's log is in {}", .log.display())]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// Where to look.
        log: PathBuf,
    },
    /// The node could not be asked or measured.
    #[error("ARG-0933: the node cannot be {verb}: {reason}")]
    Blind {
        /// Asked, or measured.
        verb: &'static str,
        /// Why.
        reason: String,
    },
}

impl Options {
    fn check(&self) -> Result<(), LoadError> {
        if self.agents == 0 || self.streams > self.agents || self.faults > self.streams {
            return Err(LoadError::Options(
                "there must be agents, at least as many as --streams, and those at least as many as --faults",
            ));
        }
        if self.interval < Duration::from_millis(100) || self.span < self.interval {
            return Err(LoadError::Options("--interval is at least 100ms, and --for at least as long as --interval"));
        }
        Ok(())
    }
}

/// Starts a node, connects all agents, and measures. `progress` hears what is being done.
///
/// # Errors
/// When nothing could be measured. What was measured and is not as it should be stands in the report.
pub async fn run(options: &Options, progress: &dyn Fn(&str)) -> Result<Report, LoadError> {
    options.check()?;
    gauge::allow_files(u64::from(options.streams) + 1_000)?;
    progress("starting the node");
    let stage = Stage::start(options).await?;
    let resting = stage.read().await?;
    sleep(options.span.min(Duration::from_secs(10))).await;
    let rested = stage.read().await?;

    progress("connecting the agents");
    let tally = Arc::new(Tally::default());
    let begun = Instant::now();
    let crowd = Crowd::start(&stage, options, &tally)?;
    let carried = Carried::start(&stage, options, &tally)?;
    connected(&stage, options, &tally).await?;
    let took = begun.elapsed();

    progress("measuring");
    // The greetings' own work has to be over: the first round of samples is left out.
    sleep(options.interval).await;
    tally.forget_answers();
    let (before, said) = (stage.read().await?, tally.read());
    sleep_until(before.at + options.span).await;
    let quantiles = tally.quantiles();
    let (after, heard) = (stage.read().await?, tally.read());

    progress("faults");
    let faulted = Instant::now();
    crowd.faults(options.faults);
    let unhealthy = verdicts(&stage, options).await?;
    let told = faulted.elapsed();
    let last = stage.read().await?;
    drop((crowd, carried));
    stage.stop().await?;
    let seen = report::Seen {
        resting,
        rested,
        before,
        after,
        last,
        said,
        heard,
        quantiles,
        connecting: took,
        unhealthy,
        told,
    };
    Ok(Report::of(options, &seen))
}

/// Returns when a leader has welcomed everybody.
async fn connected(stage: &Stage, options: &Options, tally: &Tally) -> Result<(), LoadError> {
    let deadline = Instant::now() + CONNECT_PATIENCE;
    // The list has a row for every agent: asked too often, it would be the load.
    let pause = LOOK_EVERY * (1 + options.agents / 5_000);
    let mut welcomed = 0;
    loop {
        // A node that is busy with greetings may lose a question; it is asked again.
        let asked = stage.connected().await;
        welcomed = *asked.as_ref().unwrap_or(&welcomed);
        if welcomed >= u64::from(options.agents) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            asked?;
            let refused = tally.refused();
            let what = format!("{welcomed} of {} agents were welcomed ({refused})", options.agents);
            return Err(stage.late(what, CONNECT_PATIENCE));
        }
        sleep(pause).await;
    }
}

/// Returns how many machines are unhealthy once as many are as were made to be.
async fn verdicts(stage: &Stage, options: &Options) -> Result<u64, LoadError> {
    let deadline = Instant::now() + VERDICT_PATIENCE;
    loop {
        let unhealthy = stage.unhealthy().await?;
        if unhealthy >= u64::from(options.faults) || Instant::now() >= deadline {
            return Ok(unhealthy);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// A share of a second for each of many that do the same every `interval`, so that they do not do it at once.
fn phase(at: u32, of: u32, interval: Duration) -> Duration {
    interval.mul_f64(f64::from(at) / f64::from(of.max(1)))
}

/// What a reading says of the time since another.
fn per_second(before: &Reading, after: &Reading, what: impl Fn(&Reading) -> u64) -> f64 {
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let difference = what(after).saturating_sub(what(before)) as f64;
    difference / seconds.max(f64::EPSILON)
}
