//! What commands over a fleet of real processes have in common: which program it is, where its files go, and how its report is told.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;

/// Which program a fleet runs.
#[derive(Debug, Args)]
pub(crate) struct Program {
    /// The binary argosy; the one next to this program when left out
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Arguments of every command that starts a fleet.
#[derive(Debug, Args)]
pub(crate) struct FleetArgs {
    /// Write the outcome to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the fleet's files go; a temporary directory, removed at the end, when left out
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    program: Program,
}

/// The folder of a fleet's files.
pub(super) struct Folder {
    path: PathBuf,
    is_ours: bool,
}

impl Folder {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Program {
    /// The binary `argosy`.
    pub(super) fn path(&self) -> anyhow::Result<PathBuf> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        let program = std::env::current_exe().context("this program's own path")?.with_file_name("argosy");
        if !program.exists() {
            bail!(
                "ARG-0925: there is no argosy beside this program ({}); build it, or name it with --program",
                program.display()
            );
        }
        Ok(program)
    }
}

impl FleetArgs {
    /// The binary `argosy`.
    pub(super) fn program(&self) -> anyhow::Result<PathBuf> {
        self.program.path()
    }

    /// The folder that was named, or one of this process's own.
    pub(super) fn folder(&self, command: &str) -> Folder {
        let ours = || std::env::temp_dir().join(format!("argosy-{command}-{}", std::process::id()));
        Folder { path: self.dir.clone().unwrap_or_else(ours), is_ours: self.dir.is_none() }
    }

    /// Removes a folder of our own, prints the report, and writes it where it was asked for. A command that fails before keeps its folder:
    /// there lies why.
    pub(super) fn tell(&self, folder: Folder, report: &(impl Display + Serialize)) -> anyhow::Result<()> {
        let Folder { path, is_ours } = folder;
        if is_ours {
            std::fs::remove_dir_all(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        print!("{report}");
        if let Some(path) = &self.json {
            let text = serde_json::to_string_pretty(report)?;
            std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}
