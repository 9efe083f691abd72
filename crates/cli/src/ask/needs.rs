//! `argosy needs` and `argosy shortfalls`: demand by precedence, with what the last cycle found about it.

use std::process::ExitCode;

use anyhow::Result;
use argosy_proto::argosy::v1::{ListNeedsRequest, ListShortfallsRequest, NeedRow};
use clap::Args;
use serde_json::{Value, json};

use super::target::Target;
use super::{block_on, said, table};

/// List a shard's needs by precedence, each with its verdict.
#[derive(Args, Debug)]
pub(crate) struct NeedsArgs {
    /// The shard.
    #[arg(long)]
    shard: String,
    /// Only needs of this cluster.
    #[arg(long, default_value = "")]
    cluster: String,
    /// At most this many; 0 for all.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// List what a shard cannot cover, and why.
#[derive(Args, Debug)]
pub(crate) struct ShortfallsArgs {
    /// The shard.
    #[arg(long)]
    shard: String,
    /// At most this many; 0 for all.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

const HEADER: [&str; 9] =
    ["cluster", "group", "priority", "asks", "unit", "machines", "covered", "reason", "still_missing"];

/// Runs `argosy needs`.
pub(crate) fn run(args: NeedsArgs) -> Result<ExitCode> {
    block_on(async move {
        let ask =
            ListNeedsRequest { shard: args.shard, cluster: args.cluster, limit: args.limit, ..Default::default() };
        let answer = args.target.fleet()?.list_needs(args.target.request(ask)).await;
        let needs = answer.map_err(|status| said(&status))?.into_inner().needs;
        table::print(&HEADER, needs.iter().map(row).collect(), args.json)
    })
}

/// Runs `argosy shortfalls`.
pub(crate) fn run_shortfalls(args: ShortfallsArgs) -> Result<ExitCode> {
    block_on(async move {
        let ask = ListShortfallsRequest { shard: args.shard, limit: args.limit };
        let answer = args.target.fleet()?.list_shortfalls(args.target.request(ask)).await;
        let shortfalls = answer.map_err(|status| said(&status))?.into_inner().shortfalls;
        table::print(&HEADER, shortfalls.iter().map(row).collect(), args.json)
    })
}

fn row(need: &NeedRow) -> Vec<Value> {
    let asks = need.need.clone().unwrap_or_default();
    vec![
        json!(need.cluster),
        json!(asks.group.replace('\0', "/")),
        json!(asks.priority),
        json!(asks.aggregate_resources),
        json!(asks.min_unit),
        json!(need.claimed),
        json!(need.covered),
        json!(need.unmet_reason),
        json!(need.residual),
    ]
}
