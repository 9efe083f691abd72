//! `argosy operations`: committed actions on their way to a provider.

use std::process::ExitCode;

use anyhow::Result;
use argosy_proto::argosy::v1::{ListOperationsRequest, OperationRow};
use clap::Args;
use serde_json::{Value, json};

use super::target::Target;
use super::{block_on, said, table};

/// List a shard's open operations, oldest first.
#[derive(Args, Debug)]
pub(crate) struct OperationsArgs {
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

/// Runs the command.
pub(crate) fn run(args: OperationsArgs) -> Result<ExitCode> {
    block_on(async move {
        let ask = ListOperationsRequest { shard: args.shard, limit: args.limit, ..Default::default() };
        let answer = args.target.fleet()?.list_operations(args.target.request(ask)).await;
        let operations = answer.map_err(|status| said(&status))?.into_inner().operations;
        let header =
            ["operation", "kind", "step", "state", "machine", "cluster", "attempt", "fence", "reason", "last_error"];
        table::print(&header, operations.iter().map(row).collect(), args.json)
    })
}

fn row(operation: &OperationRow) -> Vec<Value> {
    let doubt = if operation.maybe_executed { " (maybe executed)" } else { "" };
    vec![
        json!(operation.id),
        json!(operation.kind),
        json!(operation.step),
        json!(format!("{}{doubt}", operation.state)),
        json!(operation.machine),
        json!(operation.cluster),
        json!(operation.attempt),
        json!(format!("{}.{}", operation.fence_epoch, operation.fence_sequence)),
        json!(operation.reason),
        json!(operation.last_error),
    ]
}
