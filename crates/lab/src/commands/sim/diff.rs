//! `argosy-lab sim diff`: what differs between two runs.

use std::path::PathBuf;

use argosy_sim::report::diff::{self, Comparison};
use clap::Args;

/// Arguments of `argosy-lab sim diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The run directory of the first run, or its report.json
    before: PathBuf,
    /// That of the second
    after: PathBuf,
    /// Exit with status 1 when anything differs
    #[arg(long)]
    fail: bool,
    /// Write the differences to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the command; says whether all was well, which a difference is not if it was asked to be none.
pub(super) fn run(args: &DiffArgs) -> anyhow::Result<bool> {
    let compared = Comparison::of(&diff::read(&args.before)?, &diff::read(&args.after)?);
    print!("{compared}");
    super::write(args.json.clone(), &serde_json::to_value(&compared)?)?;
    Ok(compared.is_same() || !args.fail)
}
