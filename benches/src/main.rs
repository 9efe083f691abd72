//! `bench-hot`: the engine, the fold and snapshots against this machine's own limits.
//!
//! Every row seeds its world, asserts that it is what it says, and measures one thing: wall time (median, 99th percentile,
//! highest), allocations, bytes a machine. Beside it stands what this machine can do at best, measured in the same run.
//! Wall times are printed and never gated; what is gated are instructions, counted by callgrind over the same rows.
//!
//! **What is deliberately absent:** networks, disks, Raft. Those have benchmarks of their own (`make bench-commit`).

mod decide_rows;
mod gate;
mod honest;
mod hot_shape;
mod inversions;
mod limit;
mod meter;
mod mixed;
mod rollups;
mod rows;
mod run;
mod shard_rows;
mod world;

use std::path::PathBuf;

use anyhow::Context;
use argosy_counting::Counting;
use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

use crate::gate::Gate;
use crate::mixed::Size;
use crate::run::Run;

/// Where a run is one of the large ones, whose rows all say so in their names.
const TEN_MILLION: usize = 10_000_000;

/// The allocator of the binary `argosy`, with a count of what it is asked for. What counting adds to each call is in the times.
#[global_allocator]
static ALLOCATOR: Counting<MiMalloc> = Counting::new(MiMalloc);

/// Decide, apply and snapshots on seeded fleets, beside this machine's own limits.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Seeds, asserts and measures the rows.
    Measure(Measure),
    /// Compares counted instructions with the stored baselines.
    Gate(Gate),
}

#[derive(clap::Args)]
struct Measure {
    /// Fleet sizes of the rows that come in several, in placements of the whole demand.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    sizes: Vec<usize>,
    /// Only these rows.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// One sample of each row, for a counter of instructions around this process.
    #[arg(long)]
    counting: bool,
    /// Where the rows go as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().what {
        What::Measure(args) => measure(args),
        What::Gate(gate) => gate.run(),
    }
}

fn measure(args: Measure) -> anyhow::Result<()> {
    let suffix = if args.sizes.iter().all(|size| *size >= TEN_MILLION) { "_10m" } else { "" };
    let mut run = Run::new(args.rows, args.counting, suffix);
    hot_shape::measure(&mut run);
    rollups::measure(&mut run);
    for size in &args.sizes {
        inversions::measure(&mut run, size / 2);
        shard_rows::measure(&mut run, *size);
        decide_rows::measure(&mut run, Size { placements: *size });
    }
    let measured = run.into_rows();
    anyhow::ensure!(!measured.is_empty(), "no row was measured; see --rows");
    let missed: Vec<&str> =
        measured.iter().filter(|row| !row.is_within_budget()).map(|row| row.name.as_str()).collect();
    println!("# {} rows; over budget on this machine: {}", measured.len(), missed.join(", "));
    if let Some(path) = args.json {
        path.parent().map_or(Ok(()), std::fs::create_dir_all).context("cannot create the folder of --json")?;
        rows::write(&path, &measured)?;
    }
    Ok(())
}
