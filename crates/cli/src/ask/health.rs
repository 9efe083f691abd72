//! `argosy health show|apply|mode|clear`: the policy in force, whether verdicts act, and what was dealt with.

use std::process::ExitCode;

use anyhow::Result;
use argosy_health::Policy;
use argosy_proto::argosy::v1::{ClearHealthRequest, GetHealthRequest, SetHealthModeRequest, SetHealthPolicyRequest};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::policy::{PolicyApply, PolicyShow, policy_text};
use super::target::Change;
use super::{block_on, revision, said, table};
use crate::output;

/// Let verdicts take machines out of supply, or only show them.
#[derive(Args, Debug)]
pub(crate) struct HealthModeArgs {
    /// observe: they are only shown, as in a new installation. act: an unfit machine is no supply.
    mode: HealthMode,
    #[command(flatten)]
    change: Change,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HealthMode {
    Observe,
    Act,
}

/// Forget what was found at a machine: somebody has dealt with it.
#[derive(Args, Debug)]
pub(crate) struct HealthClearArgs {
    /// The machine.
    machine: String,
    #[command(flatten)]
    change: Change,
}

/// Runs `argosy health show`.
pub(crate) fn run_show(args: PolicyShow) -> Result<ExitCode> {
    block_on(async move {
        let ask = GetHealthRequest { shard: args.shard };
        let answer =
            args.target.health()?.get_health(args.target.request(ask)).await.map_err(|status| said(&status))?;
        let summary = answer.into_inner();
        if args.policy {
            return output::line(summary.policy.trim_end());
        }
        let name = Policy::parse("policy", &summary.policy).map(|policy| policy.name).unwrap_or_default();
        let count = |health: &str| json!(summary.machines.get(health).copied().unwrap_or_default());
        let row = vec![
            json!(if summary.acts { "act" } else { "observe" }),
            json!(name),
            json!(summary.policy_revision),
            count("healthy"),
            count("unknown"),
            count("degraded"),
            count("unhealthy"),
            json!(summary.unfit),
        ];
        let header = ["mode", "policy", "revision", "healthy", "unknown", "degraded", "unhealthy", "unfit"];
        table::print(&header, vec![row], args.json)
    })
}

/// Runs `argosy health apply`.
pub(crate) fn run_apply(args: PolicyApply) -> Result<ExitCode> {
    block_on(async move {
        let PolicyApply { file, change: Change { shard, reason, target } } = args;
        let policy = policy_text(&file, Policy::parse)?;
        let ask = target.request(SetHealthPolicyRequest { shard, policy, reason });
        let answer = target.health()?.set_health_policy(ask).await.map_err(|status| said(&status))?;
        revision(answer.into_inner().revision)
    })
}

/// Runs `argosy health mode`.
pub(crate) fn run_mode(args: HealthModeArgs) -> Result<ExitCode> {
    block_on(async move {
        let HealthModeArgs { mode, change: Change { shard, reason, target } } = args;
        let acts = matches!(mode, HealthMode::Act);
        let ask = target.request(SetHealthModeRequest { shard, acts, reason });
        let answer = target.health()?.set_health_mode(ask).await.map_err(|status| said(&status))?;
        revision(answer.into_inner().revision)
    })
}

/// Runs `argosy health clear`.
pub(crate) fn run_clear(args: HealthClearArgs) -> Result<ExitCode> {
    block_on(async move {
        let HealthClearArgs { machine, change: Change { shard, reason, target } } = args;
        let ask = target.request(ClearHealthRequest { machine, shard, reason });
        let answer = target.health()?.clear_health(ask).await.map_err(|status| said(&status))?;
        output::line(answer.into_inner().verdict)
    })
}
