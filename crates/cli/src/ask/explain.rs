//! `argosy explain`: why a need, a machine or a plan is as it is.
//!
//! The engine of the shard explains; what comes back is printed as text, or as it came with `--json`.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use argosy_engine::explain::{MachineExplanation, NeedExplanation, PlanExplanation};
use argosy_proto::argosy::v1::{AsOf, ExplainMachineRequest, ExplainNeedsRequest, ExplainPlanRequest};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::target::Target;
use super::{block_on, freshness, origin, said, taken_from};
use crate::output;

/// Explain why a need, a machine or a plan is as it is.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// The needs of a cluster: what became of every machine as each of them sees it, and what would satisfy it.
    Need(NeedArgs),
    /// A machine: whom it covers, what happens to it, and who could use it.
    Machine(MachineArgs),
    /// The last plan, and how it differs from the one before.
    Plan(PlanArgs),
}

#[derive(Args, Debug)]
struct NeedArgs {
    /// The shard.
    #[arg(long)]
    shard: String,
    /// The cluster whose needs are meant.
    #[arg(long)]
    cluster: String,
    /// Only the gang with this group; an empty one means needs of no gang.
    #[arg(long)]
    group: Option<String>,
    /// Only needs of this priority.
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i32>,
    /// Only the need with this fingerprint.
    #[arg(long)]
    fingerprint: Option<String>,
    /// Only needs that lack something.
    #[arg(long)]
    short: bool,
    /// At most this many, by precedence.
    #[arg(long, default_value_t = 16)]
    limit: u32,
    /// How often the engine may be run to find what would satisfy them; 0 seeks nothing.
    #[arg(long, default_value_t = 32)]
    tries: u32,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct MachineArgs {
    /// The machine.
    machine: String,
    /// Its shard; every shard is asked without.
    #[arg(long, default_value = "")]
    shard: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct PlanArgs {
    /// The shard.
    #[arg(long)]
    shard: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Common {
    /// Take the asked node's own replica, which may lag behind.
    #[arg(long)]
    stale: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
pub(crate) fn run(args: ExplainArgs) -> Result<ExitCode> {
    block_on(async move {
        match args.subject {
            Subject::Need(args) => needs(args).await,
            Subject::Machine(args) => machine(args).await,
            Subject::Plan(args) => plan(args).await,
        }
    })
}

async fn needs(args: NeedArgs) -> Result<()> {
    let common = args.common;
    let ask = ExplainNeedsRequest {
        shard: args.shard,
        cluster: args.cluster,
        group: args.group,
        priority: args.priority,
        fingerprint: args.fingerprint,
        only_short: args.short,
        limit: args.limit,
        runs: args.tries,
        freshness: freshness(common.stale),
    };
    let answer = common.target.fleet()?.explain_needs(common.target.request(ask)).await;
    let answer = answer.map_err(|status| said(&status))?.into_inner();
    let as_of = answer.as_of.unwrap_or_default();
    if common.json {
        let needs = answer.needs_json.iter().map(|need| parsed(need)).collect::<Result<Vec<_>>>()?;
        return output::json(&json!({ "as_of": origin(&as_of), "total": answer.total, "needs": needs }));
    }
    output::line(taken_from(&as_of))?;
    for need in &answer.needs_json {
        output::text(read::<NeedExplanation>(need)?)?;
    }
    let hidden = answer.total - answer.needs_json.len() as u64;
    if hidden > 0 { output::line(format_args!("and {hidden} needs more: raise --limit")) } else { Ok(()) }
}

async fn machine(args: MachineArgs) -> Result<()> {
    let common = args.common;
    let ask = ExplainMachineRequest { machine: args.machine, shard: args.shard, freshness: freshness(common.stale) };
    let answer = common.target.fleet()?.explain_machine(common.target.request(ask)).await;
    let answer = answer.map_err(|status| said(&status))?.into_inner();
    print::<MachineExplanation>(&common, "machine", &answer.as_of.unwrap_or_default(), &answer.machine_json, json!({}))
}

async fn plan(args: PlanArgs) -> Result<()> {
    let common = args.common;
    let ask = ExplainPlanRequest { shard: args.shard, freshness: freshness(common.stale) };
    let answer = common.target.fleet()?.explain_plan(common.target.request(ask)).await;
    let answer = answer.map_err(|status| said(&status))?.into_inner();
    let more = json!({ "cycle": answer.cycle, "dropped": answer.dropped });
    print::<PlanExplanation>(&common, "plan", &answer.as_of.unwrap_or_default(), &answer.plan_json, more)?;
    if !common.json {
        for (why, units) in &answer.dropped {
            output::line(format_args!("  the log did not take {units} units: {why}"))?;
        }
    }
    Ok(())
}

/// Prints one explanation as text, or as it came, with where it was taken from and what else was said.
fn print<T: serde::de::DeserializeOwned + std::fmt::Display>(
    common: &Common,
    name: &str,
    as_of: &AsOf,
    text: &str,
    mut more: Value,
) -> Result<()> {
    if common.json {
        more["as_of"] = origin(as_of);
        more[name] = parsed(text)?;
        return output::json(&more);
    }
    output::line(taken_from(as_of))?;
    output::text(read::<T>(text)?)
}

fn parsed(text: &str) -> Result<Value> {
    serde_json::from_str(text).context("the server's answer is no JSON")
}

/// Reads an answer. A server of another release may say more than this one knows: that is left out.
fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).context("the server is of another release and explains in another form; try --json")
}
