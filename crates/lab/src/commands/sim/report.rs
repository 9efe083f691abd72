//! `argosy-lab sim report`: the files of a run directory made anew from its record.

use std::path::PathBuf;

use anyhow::Context as _;
use argosy_sim::SimError;
use argosy_sim::rehearsal::record::RunRecord;
use argosy_sim::report;
use clap::Args;

/// Arguments of `argosy-lab sim report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The run directory, in which record.json lies
    folder: PathBuf,
}

/// Runs the command.
pub(super) fn run(args: &ReportArgs) -> anyhow::Result<bool> {
    let path = args.folder.join("record.json");
    let no_record = |why: String| SimError::NoReport { path: path.clone(), why };
    let text = std::fs::read(&path).map_err(|error| no_record(error.to_string()))?;
    let record: RunRecord = serde_json::from_slice(&text).map_err(|error| no_record(error.to_string()))?;
    report::write(&record, None, &args.folder).context("the report")?;
    println!("{}", args.folder.join("report.html").display());
    Ok(true)
}
