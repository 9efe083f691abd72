//! `argosy version`: which build this is.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::output;

/// Say which version this is
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// For a machine to read.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
    os: &'static str,
    arch: &'static str,
    debug_assertions: bool,
}

/// Says it.
pub(crate) fn run(args: &VersionArgs) -> Result<ExitCode> {
    let this = Version {
        version: env!("CARGO_PKG_VERSION"),
        os: std::env::consts::OS,
        arch: std::env::consts::ARCH,
        debug_assertions: cfg!(debug_assertions),
    };
    if args.json {
        output::json(&this)?;
    } else {
        let build = if this.debug_assertions { ", debug build" } else { "" };
        output::line(format_args!("argosy {} ({}-{}{build})", this.version, this.os, this.arch))?;
    }
    Ok(ExitCode::SUCCESS)
}
