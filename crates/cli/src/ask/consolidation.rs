//! `argosy consolidation`: whether needs move to cheaper machines, what a move must save, and how the budgets of moves stand.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use argosy_pool::{ConsolidationPolicy, FileError};
use argosy_proto::argosy::v1::consolidation_client::ConsolidationClient;
use argosy_proto::argosy::v1::{ChurnBudgetRow, SetConsolidationRequest, ShowConsolidationRequest};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::policy::{PolicyApply, PolicyShow, policy_text};
use super::target::{Change, Target};
use super::{block_on, revision, said, table, text_of};
use crate::output;

/// Consolidation: needs that lack nothing move to cheaper machines, within budgets. Off in a new installation.
#[derive(Args, Debug)]
pub(crate) struct ConsolidationArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Show whether a shard consolidates, and how its budgets stand.
    Show(PolicyShow),
    /// Check a policy file, with line and column, without a server.
    Lint {
        /// The policy file.
        file: PathBuf,
    },
    /// Put a policy in force for a shard; the file is checked here first.
    Apply(PolicyApply),
}

fn client(target: &Target) -> Result<ConsolidationClient<Channel>> {
    Ok(ConsolidationClient::new(target.channel()?))
}

/// Runs `argosy consolidation`.
pub(crate) fn run(args: ConsolidationArgs) -> Result<ExitCode> {
    match args.what {
        What::Show(args) => block_on(show(args)),
        What::Lint { file } => {
            let policy = ConsolidationPolicy::parse(&file.display().to_string(), &text_of(&file)?)?;
            let is = if policy.enabled { "on" } else { "off" };
            let budgets = policy.budgets.len();
            output::line(format!("{}: {is}, {budgets} budgets, nothing wrong", file.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        What::Apply(args) => block_on(apply(args)),
    }
}

async fn show(args: PolicyShow) -> Result<()> {
    let ask = args.target.request(ShowConsolidationRequest { shard: args.shard });
    let answer = client(&args.target)?.show_consolidation(ask).await.map_err(|status| said(&status))?.into_inner();
    if args.policy {
        return output::line(answer.policy.trim_end());
    }
    let header =
        ["enabled", "budget", "per", "moves", "within_s", "in_force", "cluster", "taken", "allowed", "ends_in_s"];
    table::print(&header, answer.budgets.iter().map(|budget| row(answer.enabled, budget)).collect(), args.json)
}

fn row(enabled: bool, budget: &ChurnBudgetRow) -> Vec<Value> {
    vec![
        json!(enabled),
        json!(budget.budget),
        json!(budget.per),
        json!(budget.moves),
        json!(budget.within_ms.div_ceil(1_000)),
        json!(budget.in_force),
        json!(budget.cluster),
        json!(budget.taken),
        json!(budget.allowed),
        json!(budget.ends_in_ms.map(|ms| ms.div_ceil(1_000))),
    ]
}

async fn apply(args: PolicyApply) -> Result<()> {
    let PolicyApply { file, change: Change { shard, reason, target } } = args;
    let parse =
        |name: &str, text: &str| -> Result<ConsolidationPolicy, FileError> { ConsolidationPolicy::parse(name, text) };
    let policy = policy_text(&file, parse)?;
    let ask = target.request(SetConsolidationRequest { shard, policy, reason });
    let answer = client(&target)?.set_consolidation(ask).await.map_err(|status| said(&status))?;
    revision(answer.into_inner().revision)
}
