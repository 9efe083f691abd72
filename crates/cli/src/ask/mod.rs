//! The people's commands: questions to a running installation, and changes to it.
//!
//! Each command makes one or a few calls of the public API and prints the answer as a table, or as JSON with `--json`.
//! They hold no logic: what they print is what the API said.

mod change;
mod machines;
mod needs;
mod operations;
mod shards;
mod table;
mod target;

use std::process::ExitCode;

use anyhow::Result;

pub use change::{CordonArgs, MemberArgs, RailsArgs};
pub use machines::MachinesArgs;
pub use needs::{NeedsArgs, ShortfallsArgs};
pub use operations::OperationsArgs;
pub use shards::ShardsArgs;

/// Runs a command's future to its end on a small runtime.
pub fn block_on(future: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(future)?;
    Ok(ExitCode::SUCCESS)
}

/// What the server said when it refused, without the framing of the protocol.
pub fn said(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{} ({:?})", status.message(), status.code())
}
