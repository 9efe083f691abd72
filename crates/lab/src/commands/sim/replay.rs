//! `argosy-lab sim replay`: a production trace on virtual time, in one process.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use argosy_sim::replay::{Replay, Replayed};
use argosy_trace::family::{DEFAULT_VARIANT, Family};
use argosy_trace::tiles::{Tiles, Tiling};
use argosy_trace::transform;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

/// Arguments of `argosy-lab sim replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The folder of the trace: a list of nodes, and lists of tasks by variant
    folder: PathBuf,
    /// Which list of tasks; `--list` shows what there is
    #[arg(long, default_value = DEFAULT_VARIANT)]
    variant: String,
    /// List the variants that are there, and run nothing
    #[arg(long)]
    list: bool,
    /// Lay copies of the trace side by side until there are so many machines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    machines: Option<u64>,
    /// Every task of a copy comes later by a time drawn up to this
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    jitter: Duration,
    /// Of everything that is drawn: places, jitter
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Deal the tasks into so many clusters; three, or one for every 5,000 machines, if not said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clusters: Option<u32>,
    /// Deal clusters and machines over so many shards
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,
    /// Divide the time between arrivals by this
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    compress_arrivals: u64,
    /// Keep this share of the trace's nodes, from 0 to 1, before it is laid out
    #[arg(long, value_name = "F", default_value = "1", value_parser = transform::parse_fraction)]
    nodes_fraction: u32,
    /// Keep the first so many tasks only
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Take what happens within this time as one moment
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    step: Duration,
    /// Leave bad rows out and count them, instead of refusing
    #[arg(long)]
    skip_bad_rows: bool,
    /// Write the outcome to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the outcome, the fleet over time and a page to look at into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command; says whether all was well.
pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<bool> {
    let family = Family::open(&args.folder)?;
    if args.list {
        family.variants().for_each(|variant| println!("{variant}"));
        return Ok(true);
    }
    let began = Instant::now();
    let (trace, skipped) = family.read(&args.variant, args.skip_bad_rows)?;
    if skipped > 0 {
        eprintln!("bad rows left out: {skipped}");
    }
    let mut trace = trace.nodes_fraction(args.nodes_fraction, args.seed).compress_arrivals(args.compress_arrivals);
    if let Some(limit) = args.limit {
        trace = trace.limit(limit);
    }
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let tiling = Tiling { machines: args.machines, jitter_ms: ms(args.jitter), seed: args.seed };
    let tiles = Tiles::new(trace, tiling)?;
    let replay = Replay {
        clusters: args.clusters,
        shards: args.shards,
        step_ms: ms(args.step).max(1),
        ..Replay::new(args.seed)
    };
    let bar = ProgressBar::new(1_000).with_style(ProgressStyle::with_template("{bar:40} {percent} %, {eta} left")?);
    let replayed = replay.run(&args.variant, &tiles, |per_mille| bar.set_position(per_mille));
    bar.finish_and_clear();
    print!("{replayed}");
    println!("{:<18}{:.1} s", "took", began.elapsed().as_secs_f64());
    tell(args, &replayed, began)?;
    Ok(replayed.report.passed)
}

fn tell(args: &ReplayArgs, replayed: &Replayed, began: Instant) -> anyhow::Result<()> {
    if let Some(path) = &args.json {
        let mut value = serde_json::to_value(replayed)?;
        value["wall_s"] = began.elapsed().as_secs_f64().into();
        super::write(Some(path.clone()), &value)?;
    }
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
        for (name, text) in replayed.files() {
            let path = out.join(name);
            std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        }
    }
    Ok(())
}
