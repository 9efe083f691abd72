//! `argosy import`: configurations of other systems as ours.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use crate::output;

/// Translate the configuration of another system
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// Write the pools of Navarch's config.yaml as a pool file
    ///
    /// The pool file goes to standard output. What means something else here, or did nothing there, goes to standard error as
    /// warnings.
    Navarch {
        /// Navarch's config.yaml.
        file: PathBuf,
    },
}

/// Runs it.
pub(crate) fn run(args: &ImportArgs) -> Result<ExitCode> {
    let From::Navarch { file } = &args.from;
    let name = file.display().to_string();
    let text =
        std::fs::read_to_string(file).with_context(|| format!("ARG-1206: {name} cannot be read; check its name"))?;
    let imported = argosy_pool::import::navarch(&name, &text)?;
    for warning in &imported.warnings {
        eprintln!("warning: {}: {}", warning.path, warning.what);
    }
    output::line(imported.file.to_yaml().trim_end())?;
    Ok(ExitCode::SUCCESS)
}
