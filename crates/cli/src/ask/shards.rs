//! `argosy shards`: every shard, or one in detail.

use std::process::ExitCode;

use anyhow::Result;
use argosy_proto::argosy::v1::{GetShardRequest, ListShardsRequest, ShardDetail};
use clap::Args;
use serde_json::json;

use super::target::Target;
use super::{block_on, said, table};

/// List the shards with their leaders, or show one in detail.
#[derive(Args, Debug)]
pub(crate) struct ShardsArgs {
    /// Show this shard only, in detail.
    shard: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
pub(crate) fn run(args: ShardsArgs) -> Result<ExitCode> {
    block_on(async move {
        match &args.shard {
            None => list(&args).await,
            Some(shard) => show(&args, shard).await,
        }
    })
}

async fn list(args: &ShardsArgs) -> Result<()> {
    let answer = args.target.fleet()?.list_shards(args.target.request(ListShardsRequest {})).await;
    let shards = answer.map_err(|status| said(&status))?.into_inner().shards;
    let header = ["shard", "home_region", "leader", "term", "committed", "applied", "voters", "learners", "halted"];
    let row = |s: argosy_proto::argosy::v1::ShardStatus| {
        vec![
            json!(s.shard),
            json!(s.home_region),
            json!(s.leader),
            json!(s.term),
            json!(s.committed),
            json!(s.applied),
            json!(s.voters),
            json!(s.learners),
            json!(s.halted),
        ]
    };
    table::print(&header, shards.into_iter().map(row).collect(), args.json)
}

async fn show(args: &ShardsArgs, shard: &str) -> Result<()> {
    let ask = GetShardRequest { shard: shard.to_owned(), with_state_hash: true, ..GetShardRequest::default() };
    let answer = args.target.fleet()?.get_shard(args.target.request(ask)).await;
    let detail = answer.map_err(|status| said(&status))?.into_inner();
    let rows = facts(&detail).into_iter().map(|(name, value)| vec![json!(name), value]).collect();
    table::print(&["fact", "value"], rows, args.json)
}

fn facts(detail: &ShardDetail) -> Vec<(&'static str, serde_json::Value)> {
    let as_of = detail.as_of.clone().unwrap_or_default();
    let status = detail.status.clone().unwrap_or_default();
    let rails = detail.rails.unwrap_or_default();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let domains: Vec<String> = detail.domains.iter().map(|d| format!("{}={}", d.key, d.value)).collect();
    let cluster = |c: &argosy_proto::argosy::v1::ClusterStatus| {
        format!(
            "{}: {} machines, {} needs{}",
            c.cluster,
            c.configured,
            c.needs,
            if c.session { "" } else { ", no session" }
        )
    };
    vec![
        ("shard", json!(as_of.shard)),
        ("leader", json!(status.leader)),
        ("term", json!(as_of.term)),
        ("revision", json!(as_of.revision)),
        ("shard_time_ms", json!(as_of.shard_time_ms)),
        ("voters", json!(status.voters)),
        ("learners", json!(status.learners)),
        ("machines_by_state", json!(detail.machines_by_state)),
        ("needs", json!(detail.needs)),
        ("shortfalls", json!(detail.shortfalls)),
        ("open_operations", json!(detail.open_operations)),
        ("actions", json!(detail.actions)),
        ("cycles", json!(detail.cycles)),
        ("plans", json!(detail.plans)),
        ("entries", json!(detail.entries)),
        ("domains", json!(domains)),
        ("kill_switch", json!(rails.kill_switch)),
        ("dry_run", json!(rails.dry_run)),
        ("empty_rollup_guard", json!(rails.empty_rollup_guard)),
        ("reclaim_cap_ppm", json!(rails.reclaim_cap_ppm)),
        ("clusters", json!(detail.clusters.iter().map(cluster).collect::<Vec<_>>())),
        ("state_hash", json!(hex(&detail.state_hash))),
        ("decision_log_hash", json!(hex(&detail.decision_log_hash))),
    ]
}
