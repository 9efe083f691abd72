//! `argosy pools` and `argosy pool`: machines kept at a size that a policy sets.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use argosy_pool::{PoolFile, rehearse};
use argosy_proto::argosy::v1::pools_client::PoolsClient;
use argosy_proto::argosy::v1::{
    ApplyPoolsRequest, ListPoolsRequest, PoolRow, PoolSeller, PushMetricsRequest, RemovePoolRequest,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::target::{Change, Target};
use super::{block_on, revision, said, table};
use crate::output;

/// List the pools of a shard, each with its size and the reason for it.
#[derive(Args, Debug)]
pub(crate) struct PoolsArgs {
    /// The shard.
    #[arg(long)]
    shard: String,
    /// For a machine to read.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Check, rehearse, apply, feed and remove pools.
#[derive(Args, Debug)]
pub(crate) struct PoolArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Check a pool file, with line and column, without a server.
    Lint {
        /// The pool file.
        file: PathBuf,
    },
    /// Show what a pool would have done on metrics that are written down.
    Rehearse(RehearseArgs),
    /// Make the pools of a file pools of a shard; pools that are not in the file stay.
    Apply(ApplyArgs),
    /// Tell a pool's policy what it cannot see by itself.
    Push(PushArgs),
    /// End a pool; its machines are given back.
    Remove(RemoveArgs),
}

#[derive(Args, Debug)]
struct RehearseArgs {
    /// The pool file.
    file: PathBuf,
    /// Which of its pools, if there are several.
    #[arg(long)]
    pool: Option<String>,
    /// JSON lines, oldest first: `{"at": "2026-11-22T09:00:00Z", "utilisation_percent": 85, "queue_depth": 73}`.
    #[arg(long, value_name = "FILE")]
    metrics: PathBuf,
    /// For a machine to read.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct ApplyArgs {
    /// The pool file.
    file: PathBuf,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    change: Change,
}

#[derive(Args, Debug)]
struct PushArgs {
    /// The pool.
    pool: String,
    /// Its shard.
    #[arg(long)]
    shard: String,
    /// Jobs that wait for it.
    #[arg(long, required_unless_present = "utilisation_percent")]
    queue_depth: Option<u64>,
    /// Mean utilisation of its machines, 0 to 100.
    #[arg(long)]
    utilisation_percent: Option<f64>,
    #[command(flatten)]
    target: Target,
}

#[derive(Args, Debug)]
struct RemoveArgs {
    /// The pool.
    pool: String,
    #[command(flatten)]
    change: Change,
}

fn client(target: &Target) -> Result<PoolsClient<Channel>> {
    Ok(PoolsClient::new(target.channel()?))
}

/// Runs `argosy pools`.
pub(crate) fn run(args: PoolsArgs) -> Result<ExitCode> {
    block_on(async move {
        let ask = args.target.request(ListPoolsRequest { shard: args.shard, ..Default::default() });
        let answer = client(&args.target)?.list_pools(ask).await.map_err(|status| said(&status))?.into_inner();
        let header =
            ["pool", "min", "max", "target", "ready", "coming", "wanted", "reason", "held", "metrics", "sellers"];
        table::print(&header, answer.pools.iter().map(row).collect(), args.json)
    })
}

fn row(pool: &PoolRow) -> Vec<Value> {
    vec![
        json!(pool.pool),
        json!(pool.min),
        json!(pool.max),
        json!(pool.target),
        json!(pool.ready),
        json!(pool.coming),
        json!(pool.wanted),
        json!(pool.reason),
        json!(pool.held),
        json!(pool.metrics),
        json!(pool.sellers.iter().map(seller).collect::<Vec<_>>().join(", ")),
    ]
}

fn seller(seller: &PoolSeller) -> String {
    format!("{} {}/{}", seller.provider, seller.ready, seller.asked)
}

/// Runs `argosy pool`.
pub(crate) fn run_one(args: PoolArgs) -> Result<ExitCode> {
    match args.what {
        What::Lint { file } => {
            let pools = read(&file)?.pools;
            output::line(format!("{}: {} pools, nothing wrong", file.display(), pools.len()))?;
            Ok(ExitCode::SUCCESS)
        }
        What::Rehearse(args) => rehearsal(&args),
        What::Apply(args) => block_on(apply(args)),
        What::Push(args) => block_on(push(args)),
        What::Remove(args) => block_on(remove(args)),
    }
}

fn read(file: &Path) -> Result<PoolFile> {
    Ok(PoolFile::parse(&file.display().to_string(), &text(file)?)?)
}

fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .with_context(|| format!("ARG-1206: {} cannot be read; check its name", file.display()))
}

fn rehearsal(args: &RehearseArgs) -> Result<ExitCode> {
    let pools = read(&args.file)?.pools;
    let names = || pools.iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>().join(", ");
    let pool = match &args.pool {
        Some(name) => pools.iter().find(|pool| pool.name == *name),
        None => pools.first().filter(|_| pools.len() == 1),
    };
    let pool = pool.with_context(|| format!("ARG-1207: name one of the file's pools with --pool: {}", names()))?;
    let steps = rehearse(pool, &args.metrics.display().to_string(), &text(&args.metrics)?)?;
    let rows = steps.iter().map(|step| {
        let decision = &step.decision;
        let held = decision.held.map(|held| held.text(step.now)).unwrap_or_default();
        let reason = decision.reason.to_string();
        vec![
            json!(step.at),
            json!(step.before),
            json!(decision.target),
            json!(decision.wanted),
            json!(reason),
            json!(held),
        ]
    });
    table::print(&["at", "before", "target", "wanted", "reason", "held"], rows.collect(), args.json)?;
    Ok(ExitCode::SUCCESS)
}

async fn apply(args: ApplyArgs) -> Result<()> {
    let ApplyArgs { file, dry_run, change: Change { shard, reason, target } } = args;
    let file_name = file.display().to_string();
    let ask = target.request(ApplyPoolsRequest { shard, file: text(&file)?, file_name, dry_run, reason });
    let answer = client(&target)?.apply_pools(ask).await.map_err(|status| said(&status))?.into_inner();
    let rows = answer.pools.into_iter().map(|one| vec![json!(one.pool), json!(one.change), json!(one.revision)]);
    table::print(&["pool", "change", "revision"], rows.collect(), false)
}

async fn push(args: PushArgs) -> Result<()> {
    let ask = PushMetricsRequest {
        shard: args.shard,
        pool: args.pool,
        queue_depth: args.queue_depth,
        utilisation_percent: args.utilisation_percent,
    };
    let ask = args.target.request(ask);
    client(&args.target)?.push_metrics(ask).await.map_err(|status| said(&status))?;
    Ok(())
}

async fn remove(args: RemoveArgs) -> Result<()> {
    let RemoveArgs { pool, change: Change { shard, reason, target } } = args;
    let ask = target.request(RemovePoolRequest { shard, pool, reason });
    let answer = client(&target)?.remove_pool(ask).await.map_err(|status| said(&status))?;
    revision(answer.into_inner().revision)
}
