//! What commands over a policy of a shard take: to show the one in force, and to put another in force.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use super::target::{Change, Target};
use super::text_of;

/// Shows what is in force, and how it stands.
#[derive(Args, Debug)]
pub(crate) struct PolicyShow {
    /// The shard.
    #[arg(long)]
    pub(super) shard: String,
    /// Print the policy in force only, as a file.
    #[arg(long)]
    pub(super) policy: bool,
    /// For a machine to read.
    #[arg(long, conflicts_with = "policy")]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) target: Target,
}

/// Puts a policy in force.
#[derive(Args, Debug)]
pub(crate) struct PolicyApply {
    /// The policy file; `default` is that of a new installation.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) change: Change,
}

/// The text of a policy that is right as far as `check` sees; empty for the default, which every server knows.
pub(super) fn policy_text<P, E>(file: &Path, check: impl FnOnce(&str, &str) -> Result<P, E>) -> Result<String>
where
    E: std::error::Error + Send + Sync + 'static,
{
    if file.as_os_str() == "default" {
        return Ok(String::new());
    }
    let text = text_of(file)?;
    check(&file.display().to_string(), &text)?;
    Ok(text)
}
