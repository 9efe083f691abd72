//! The people's commands: questions to a running installation, and changes to it.
//!
//! Each command makes one or a few calls of the public API and prints the answer as a table, or as JSON with `--json`.
//! They hold no logic: what they print is what the API said.

mod agents;
mod change;
mod health;
mod machines;
mod needs;
mod operations;
mod pools;
mod shards;
mod table;
mod target;

use std::process::ExitCode;

use anyhow::Result;

pub(crate) use agents::{AgentCommandArgs, AgentStatusArgs, AgentsArgs};
pub(crate) use agents::{run_command as agent_command, run_list as agents, run_status as agent_status};
pub(crate) use change::{CordonArgs, MemberArgs, RailsArgs, ResumeArgs};
pub(crate) use change::{run_cordon as cordon, run_member as member, run_rails as rails, run_resume as resume};
pub(crate) use health::{HealthApplyArgs, HealthClearArgs, HealthModeArgs, HealthShowArgs};
pub(crate) use health::{run_apply, run_clear, run_mode, run_show};
pub(crate) use machines::{MachinesArgs, run as machines};
pub(crate) use needs::{NeedsArgs, ShortfallsArgs, run as needs, run_shortfalls as shortfalls};
pub(crate) use operations::{OperationsArgs, run as operations};
pub(crate) use pools::{PoolArgs, PoolsArgs, run as pools, run_one as pool};
pub(crate) use shards::{ShardsArgs, run as shards};

/// Runs a command's future to its end on a small runtime.
fn block_on(future: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(future)?;
    Ok(ExitCode::SUCCESS)
}

/// What the server said when it refused, without the framing of the protocol.
fn said(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{} ({:?})", status.message(), status.code())
}
