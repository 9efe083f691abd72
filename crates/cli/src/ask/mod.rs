//! The people's commands: questions to a running installation, and changes to it.
//!
//! Each command makes one or a few calls of the public API and prints the answer as a table, or as JSON with `--json`.
//! They hold no logic: what they print is what the API said.

mod agents;
mod change;
mod consolidation;
mod explain;
mod health;
mod lanes;
mod machines;
mod needs;
mod notify;
mod operations;
mod policy;
mod pools;
mod repair;
mod shards;
mod table;
mod target;
mod token;
mod whatif;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use argosy_proto::argosy::v1::{AsOf, Freshness};
use serde_json::{Value, json};

pub(crate) use agents::{AgentCommandArgs, AgentStatusArgs, AgentsArgs};
pub(crate) use agents::{run_command as agent_command, run_list as agents, run_status as agent_status};
pub(crate) use change::{CordonArgs, MemberArgs, RailsArgs, ResumeArgs};
pub(crate) use change::{run_cordon as cordon, run_member as member, run_rails as rails, run_resume as resume};
pub(crate) use consolidation::{ConsolidationArgs, run as consolidation};
pub(crate) use explain::{ExplainArgs, run as explain};
pub(crate) use health::{HealthClearArgs, HealthModeArgs};
pub(crate) use health::{run_apply, run_clear, run_mode, run_show};
pub(crate) use lanes::{LaneArgs, run as lane};
pub(crate) use machines::{MachinesArgs, run as machines};
pub(crate) use needs::{NeedsArgs, ShortfallsArgs, run as needs, run_shortfalls as shortfalls};
pub(crate) use notify::{NotifyArgs, run as notify};
pub(crate) use operations::{OperationsArgs, run as operations};
pub(crate) use policy::{PolicyApply, PolicyShow};
pub(crate) use pools::{PoolArgs, PoolsArgs, run as pools, run_one as pool};
pub(crate) use repair::{RepairArgs, run as repair};
pub(crate) use shards::{ShardsArgs, run as shards};
pub(crate) use token::{TokenArgs, run as token};
pub(crate) use whatif::{WhatIfArgs, run as what_if};

/// Runs a command's future to its end on a small runtime.
fn block_on(future: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(future)?;
    Ok(ExitCode::SUCCESS)
}

/// From which state an answer was taken, in one line.
fn taken_from(as_of: &AsOf) -> String {
    let age = if as_of.stale_ms > 0 { format!(", {} ms stale", as_of.stale_ms) } else { String::new() };
    format!("shard {} at revision {}, asked of {}{age}", as_of.shard, as_of.revision, as_of.node)
}

/// The same for machines.
fn origin(as_of: &AsOf) -> Value {
    json!({
        "shard": as_of.shard,
        "revision": as_of.revision,
        "term": as_of.term,
        "shard_time_ms": as_of.shard_time_ms,
        "node": as_of.node,
        "stale_ms": as_of.stale_ms,
    })
}

/// Prints the revision that a change became.
fn revision(revision: u64) -> Result<()> {
    table::print(&["revision"], vec![vec![json!(revision)]], false)
}

fn text_of(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// How fresh the answer has to be.
fn freshness(stale: bool) -> i32 {
    if stale { Freshness::Stale.into() } else { Freshness::Linearizable.into() }
}

/// What the server said when it refused, without the framing of the protocol.
fn said(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{} ({:?})", status.message(), status.code())
}
