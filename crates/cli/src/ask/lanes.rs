//! `argosy lane`: what each provider, region and type holds and may take, its breaker, and the quotas.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use argosy_pool::{FileError, LanePolicy};
use argosy_proto::argosy::v1::lanes_client::LanesClient;
use argosy_proto::argosy::v1::{CloseLaneRequest, LaneRow, ListLanesRequest, SetLanePolicyRequest};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::policy::{PolicyApply, PolicyShow, policy_text};
use super::target::{Change, Target};
use super::{block_on, revision, said, table, text_of};
use crate::output;

/// Lanes (provider, region, instance type): what each holds and may take, quotas, and circuit breakers.
#[derive(Args, Debug)]
pub(crate) struct LaneArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// List the lanes of a shard, each with its breaker and why it is passed by.
    Show(PolicyShow),
    /// Check a lane file, with line and column, without a server.
    Lint {
        /// The lane file.
        file: PathBuf,
    },
    /// Put quotas and breakers in force for a shard; the file is checked here first.
    Apply(PolicyApply),
    /// Close a breaker, or all of them: somebody has looked.
    Close(CloseArgs),
}

#[derive(Args, Debug)]
struct CloseArgs {
    /// The lane as `argosy lane show` has it; left out, every breaker that is not closed.
    #[arg(num_args = 3, value_names = ["PROVIDER", "REGION", "TYPE"])]
    lane: Vec<String>,
    #[command(flatten)]
    change: Change,
}

fn client(target: &Target) -> Result<LanesClient<Channel>> {
    Ok(LanesClient::new(target.channel()?))
}

/// Runs `argosy lane`.
pub(crate) fn run(args: LaneArgs) -> Result<ExitCode> {
    match args.what {
        What::Show(args) => block_on(show(args)),
        What::Lint { file } => {
            let policy = LanePolicy::parse(&file.display().to_string(), &text_of(&file)?)?;
            output::line(format!("{}: {} quotas, nothing wrong", file.display(), policy.quotas.len()))?;
            Ok(ExitCode::SUCCESS)
        }
        What::Apply(args) => block_on(apply(args)),
        What::Close(args) => block_on(close(args)),
    }
}

async fn show(args: PolicyShow) -> Result<()> {
    let ask = args.target.request(ListLanesRequest { shard: args.shard });
    let answer = client(&args.target)?.list_lanes(ask).await.map_err(|status| said(&status))?.into_inner();
    if args.policy {
        return output::line(answer.policy.trim_end());
    }
    let header = [
        "provider",
        "region",
        "type",
        "held",
        "free",
        "held_back",
        "may_take",
        "breaker",
        "opens_in_s",
        "refusals",
        "last",
        "passed_by",
    ];
    table::print(&header, answer.lanes.iter().map(row).collect(), args.json)
}

fn row(lane: &LaneRow) -> Vec<Value> {
    vec![
        json!(lane.provider),
        json!(lane.region),
        json!(lane.instance_type),
        json!(lane.held),
        json!(lane.free),
        json!(lane.held_back),
        json!(lane.allowance),
        json!(lane.breaker),
        json!(lane.opens_in_ms.map(|ms| ms.div_ceil(1_000))),
        json!(lane.refusals),
        json!(lane.last_refusal),
        json!(lane.passed_by),
    ]
}

async fn apply(args: PolicyApply) -> Result<()> {
    let PolicyApply { file, change: Change { shard, reason, target } } = args;
    let parse = |name: &str, text: &str| -> Result<LanePolicy, FileError> { LanePolicy::parse(name, text) };
    let policy = policy_text(&file, parse)?;
    let ask = target.request(SetLanePolicyRequest { shard, policy, reason });
    let answer = client(&target)?.set_lane_policy(ask).await.map_err(|status| said(&status))?;
    revision(answer.into_inner().revision)
}

async fn close(args: CloseArgs) -> Result<()> {
    let CloseArgs { lane, change: Change { shard, reason, target } } = args;
    let [provider, region, instance_type] = match lane.is_empty() {
        true => Default::default(),
        false => lane.try_into().ok().context("a lane is PROVIDER REGION TYPE")?,
    };
    let ask = target.request(CloseLaneRequest { shard, provider, region, instance_type, reason });
    let answer = client(&target)?.close_lane(ask).await.map_err(|status| said(&status))?;
    revision(answer.into_inner().revision)
}
