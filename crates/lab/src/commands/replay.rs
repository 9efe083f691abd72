//! `argosy-lab replay`: a production trace against the real three-node fleet.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use argosy_lab::replay::{self, Options};
use argosy_trace::{openb, transform};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::fleet::FleetArgs;

/// Arguments of `argosy-lab replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The nodes
    #[arg(long, value_name = "FILE")]
    nodes: PathBuf,
    /// The tasks
    #[arg(long, value_name = "FILE")]
    tasks: PathBuf,
    /// Deal the tasks into so many clusters
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    clusters: u32,
    /// Deal clusters and nodes over so many shards; clusters of one shard compete for its machines
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,
    /// Leave bad rows out and count them, instead of refusing
    #[arg(long)]
    skip_bad_rows: bool,
    /// Divide the time between arrivals by this
    #[arg(long, value_name = "K", default_value_t = transform::DEFAULT_COMPRESSION, value_parser = clap::value_parser!(u64).range(1..))]
    compress_arrivals: u64,
    /// Keep this share of the nodes, from 0 to 1
    #[arg(long, value_name = "F", default_value = transform::DEFAULT_NODES_FRACTION, value_parser = transform::parse_fraction)]
    nodes_fraction: u32,
    /// Replay the first so many tasks only
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Take events of the trace that are this close together as one moment
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    step: Duration,
    /// Decides which nodes are kept, where they stand, and what the provider draws
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Kill -9 the leader of each shard in turn, this often
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    kill_leaders_every: Option<Duration>,
    /// Take a snapshot after so many log entries, so that killed nodes catch up from one
    #[arg(long, value_name = "N")]
    snapshot_every: Option<u64>,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Runs the command. Fails when anything was lost or doubled.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<()> {
    let (trace, skipped_rows) = openb::read(&args.nodes, &args.tasks)?.accept(args.skip_bad_rows)?;
    let mut trace = trace.nodes_fraction(args.nodes_fraction, args.seed).compress_arrivals(args.compress_arrivals);
    if let Some(limit) = args.limit {
        trace = trace.limit(limit);
    }
    let folder = args.fleet.folder("replay");
    let options = Options {
        program: args.fleet.program()?,
        dir: folder.path().to_owned(),
        clusters: args.clusters,
        shards: args.shards,
        step_ms: u64::try_from(args.step.as_millis()).unwrap_or(u64::MAX),
        seed: args.seed,
        kill_leaders_every: args.kill_leaders_every,
        snapshot_every: args.snapshot_every,
        skipped_rows,
    };
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} steps, {eta} left")?);
    let progress = |done: u64, steps: u64| {
        bar.set_length(steps);
        bar.set_position(done);
    };
    let outcome = tokio::runtime::Runtime::new()?.block_on(replay::run(&trace, &options, &progress));
    bar.finish_and_clear();
    let report = outcome?;
    args.fleet.tell(folder, &report)?;
    if !report.is_clean() {
        bail!("ARG-0924: something was lost or done twice; the table says what");
    }
    Ok(())
}
