//! `argosy-lab replay`: a production trace against the real three-node fleet.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use argosy_lab::replay::{self, Options};
use argosy_trace::{openb, transform};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

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
    /// Write the outcome to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the fleet's files go; a temporary directory, removed at the end, when left out
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The binary argosy; the one next to this program when left out
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Runs the command. Fails when anything was lost or doubled.
pub(crate) fn run(args: ReplayArgs) -> anyhow::Result<()> {
    let (trace, skipped_rows) = openb::read(&args.nodes, &args.tasks)?.accept(args.skip_bad_rows)?;
    let mut trace = trace.nodes_fraction(args.nodes_fraction, args.seed).compress_arrivals(args.compress_arrivals);
    if let Some(limit) = args.limit {
        trace = trace.limit(limit);
    }
    let own = std::env::temp_dir().join(format!("argosy-replay-{}", std::process::id()));
    let options = Options {
        program: args.program.map_or_else(beside_this, Ok)?,
        dir: args.dir.clone().unwrap_or_else(|| own.clone()),
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
    if args.dir.is_none() {
        std::fs::remove_dir_all(&own).with_context(|| format!("removing {}", own.display()))?;
    }
    print!("{report}");
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    if !report.is_clean() {
        bail!("ARG-0924: something was lost or done twice; the table says what");
    }
    Ok(())
}

/// The binary `argosy` next to this one.
pub(super) fn beside_this() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("this program's own path")?.with_file_name("argosy");
    if !program.exists() {
        bail!(
            "ARG-0925: there is no argosy beside this program ({}); build it, or name it with --program",
            program.display()
        );
    }
    Ok(program)
}
