//! `argosy repair`: what is in repair and what it waits for, the policy, and what people order by hand.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use argosy_proto::argosy::v1::machine_repair_client::MachineRepairClient;
use argosy_proto::argosy::v1::{
    GetRepairsRequest, HoldRepairRequest, RepairNowRequest, RepairSummary, ResetBreakerRequest, SetRepairPolicyRequest,
};
use argosy_repair::{Class, Policy, file, parse};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::policy::{PolicyApply, PolicyShow, policy_text};
use super::target::{Change, Target};
use super::{block_on, origin, revision, said, table, taken_from, text_of};
use crate::output;

/// Repair of machines: what is under way, the policy, and what people order by hand.
#[derive(Args, Debug)]
pub(crate) struct RepairArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// What is in repair, what it waits for, open breakers, used budgets and holds.
    Show(PolicyShow),
    /// Print the policy of a new installation.
    Policy,
    /// Check a policy, with line and column, without a server; exit status 2 if it allows what is most likely not meant.
    Lint {
        /// The policy.
        file: PathBuf,
    },
    /// Put a policy in force for a shard; it is checked here first.
    Apply(PolicyApply),
    /// Repair nothing automatically at a machine for a while.
    Hold(HoldArgs),
    /// Repair a machine now, whatever holds automatic repairs back.
    Now(NowArgs),
    /// Close a breaker that is open, or all of them: somebody has looked.
    ResetBreaker(ResetArgs),
}

#[derive(Args, Debug)]
struct HoldArgs {
    /// The machine.
    machine: String,
    /// For how long, such as 2h; 0s ends the hold.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    span: Duration,
    #[command(flatten)]
    change: Change,
}

#[derive(Args, Debug)]
struct NowArgs {
    /// The machine.
    machine: String,
    /// reset-gpu, reboot-host, quarantine or replace.
    #[arg(long)]
    class: Class,
    #[command(flatten)]
    change: Change,
}

#[derive(Args, Debug)]
struct ResetArgs {
    /// shard, cluster, pool, zone or rack, and which one, such as `rack eu-1/r7`; left out, every one that is open.
    #[arg(num_args = 1..=2, value_names = ["SCOPE", "NAME"])]
    domain: Vec<String>,
    #[command(flatten)]
    change: Change,
}

fn client(target: &Target) -> Result<MachineRepairClient<Channel>> {
    Ok(MachineRepairClient::new(target.channel()?))
}

/// Runs `argosy repair`.
pub(crate) fn run(args: RepairArgs) -> Result<ExitCode> {
    match args.what {
        What::Show(args) => show(args),
        What::Policy => {
            output::line(file::to_yaml(&Policy::default()).trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        What::Lint { file } => lint(&file),
        What::Apply(args) => apply(args),
        What::Hold(args) => hold(args),
        What::Now(args) => now(args),
        What::ResetBreaker(args) => reset(args),
    }
}

fn lint(path: &Path) -> Result<ExitCode> {
    let policy = parse(&path.display().to_string(), &text_of(path)?)?;
    let warnings = policy.warnings();
    warnings.iter().try_for_each(output::line)?;
    let (breakers, budgets) = (policy.breakers.len(), policy.budgets.len());
    output::line(format_args!("{breakers} breakers, {budgets} budgets, {} remarks", warnings.len()))?;
    Ok(if warnings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn apply(args: PolicyApply) -> Result<ExitCode> {
    block_on(async move {
        let PolicyApply { file, change: Change { shard, reason, target } } = args;
        let policy = policy_text(&file, parse)?;
        let ask = target.request(SetRepairPolicyRequest { shard, policy, reason });
        let answer = client(&target)?.set_repair_policy(ask).await.map_err(|status| said(&status))?;
        revision(answer.into_inner().revision)
    })
}

fn hold(args: HoldArgs) -> Result<ExitCode> {
    block_on(async move {
        let HoldArgs { machine, span, change: Change { shard, reason, target } } = args;
        let for_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let ask = target.request(HoldRepairRequest { machine, shard, for_ms, reason });
        let answer = client(&target)?.hold_repair(ask).await.map_err(|status| said(&status))?;
        revision(answer.into_inner().revision)
    })
}

fn now(args: NowArgs) -> Result<ExitCode> {
    block_on(async move {
        let NowArgs { machine, class, change: Change { shard, reason, target } } = args;
        let ask = target.request(RepairNowRequest { machine, shard, class: class.name().to_owned(), reason });
        let answer = client(&target)?.repair_now(ask).await.map_err(|status| said(&status))?;
        revision(answer.into_inner().revision)
    })
}

fn reset(args: ResetArgs) -> Result<ExitCode> {
    block_on(async move {
        let ResetArgs { domain, change: Change { shard, reason, target } } = args;
        let mut domain = domain.into_iter();
        let (scope, name) = (domain.next().unwrap_or_default(), domain.next().unwrap_or_default());
        let ask = target.request(ResetBreakerRequest { shard, scope, name, reason });
        let answer = client(&target)?.reset_breaker(ask).await.map_err(|status| said(&status))?;
        revision(answer.into_inner().revision)
    })
}

fn show(args: PolicyShow) -> Result<ExitCode> {
    block_on(async move {
        let ask = args.target.request(GetRepairsRequest { shard: args.shard });
        let answer = client(&args.target)?.get_repairs(ask).await.map_err(|status| said(&status))?.into_inner();
        if args.policy {
            return output::line(answer.policy.trim_end());
        }
        if args.json {
            return output::line(serde_json::to_string_pretty(&whole(&answer))?);
        }
        tables(&answer)
    })
}

const REPAIRS: [&str; 8] = ["machine", "repair", "step", "waits", "age_s", "tried", "reason", "by"];
const BREAKERS: [&str; 5] = ["breaker", "found", "of", "open_s", "closes_in_s"];
const BUDGETS: [&str; 4] = ["budget", "domain", "used", "of"];
const HOLDS: [&str; 4] = ["held", "for_s", "by", "reason"];

fn repairs(answer: &RepairSummary) -> Vec<Vec<Value>> {
    let row = |repair: &argosy_proto::argosy::v1::RepairRow| {
        vec![
            json!(repair.machine),
            json!(repair.class),
            json!(repair.step),
            json!(repair.waits),
            json!(repair.age_ms / 1_000),
            json!(repair.attempts),
            json!(if repair.failure.is_empty() { &repair.reason } else { &repair.failure }),
            json!(repair.ordered_by),
        ]
    };
    answer.repairs.iter().map(row).collect()
}

fn breakers(answer: &RepairSummary) -> Vec<Vec<Value>> {
    let row = |breaker: &argosy_proto::argosy::v1::OpenBreaker| {
        let closes = breaker.closes_in_ms.map_or(json!("by hand"), |ms| json!(ms / 1_000));
        let domain = format!("{} {}", breaker.scope, breaker.name);
        vec![json!(domain.trim_end()), json!(breaker.found), json!(breaker.of), json!(breaker.age_ms / 1_000), closes]
    };
    answer.breakers.iter().map(row).collect()
}

fn budgets(answer: &RepairSummary) -> Vec<Vec<Value>> {
    let row = |budget: &argosy_proto::argosy::v1::UsedBudget| {
        let domain = format!("{} {}", budget.scope, budget.name);
        vec![json!(budget.budget), json!(domain.trim_end()), json!(budget.used), json!(budget.of)]
    };
    answer.budgets.iter().map(row).collect()
}

fn holds(answer: &RepairSummary) -> Vec<Vec<Value>> {
    let row = |hold: &argosy_proto::argosy::v1::RepairHold| {
        vec![json!(hold.machine), json!(hold.left_ms / 1_000), json!(hold.actor), json!(hold.reason)]
    };
    answer.holds.iter().map(row).collect()
}

fn tables(answer: &RepairSummary) -> Result<()> {
    let mode = if answer.acts { "verdicts act" } else { "verdicts are only shown: no repair begins by itself" };
    let from = answer.as_of.as_ref().map(taken_from).unwrap_or_default();
    output::line(format_args!("{from}; {mode}; policy {}", answer.policy_revision))?;
    let counts: Vec<String> = answer.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    output::line(format_args!("since it began: {}", counts.join(", ")))?;
    table::print(&REPAIRS, repairs(answer), false)?;
    for (header, rows) in
        [(&BREAKERS[..], breakers(answer)), (&BUDGETS[..], budgets(answer)), (&HOLDS[..], holds(answer))]
    {
        if !rows.is_empty() {
            output::line("")?;
            table::print(header, rows, false)?;
        }
    }
    Ok(())
}

fn whole(answer: &RepairSummary) -> Value {
    let objects = |header: &[&str], rows: Vec<Vec<Value>>| -> Value {
        let object = |row: Vec<Value>| -> Value {
            header.iter().map(|name| (*name).to_owned()).zip(row).collect::<serde_json::Map<_, _>>().into()
        };
        rows.into_iter().map(object).collect()
    };
    json!({
        "as_of": answer.as_of.as_ref().map(origin),
        "acts": answer.acts,
        "policy_revision": answer.policy_revision,
        "counts": answer.counts,
        "repairs": objects(&REPAIRS, repairs(answer)),
        "breakers": objects(&BREAKERS, breakers(answer)),
        "budgets": objects(&BUDGETS, budgets(answer)),
        "holds": objects(&HOLDS, holds(answer)),
    })
}
