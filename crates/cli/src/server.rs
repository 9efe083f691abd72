//! `argosy server`: one node, until a signal asks it to end.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use argosy_server::config::{self, LogFormat};
use argosy_server::node;
use clap::Args;
use tracing_subscriber::EnvFilter;

use crate::stop;

/// Run one node of an installation
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The node's configuration; check it with `argosy config check`
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &ServerArgs) -> Result<ExitCode> {
    let loaded = match config::load(&args.config) {
        Ok(loaded) => loaded,
        Err(report) => {
            eprintln!("{report}");
            return Ok(ExitCode::from(2));
        }
    };
    let format = match loaded.config.log.format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    init_log(format, &loaded.config.log.filter)?;
    if loaded.report.warnings() > 0 {
        tracing::warn!("{}", loaded.report);
    }
    let runtime = tokio::runtime::Runtime::new().context("the runtime")?;
    runtime.block_on(node::run(loaded.config, stop::signal()))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes log lines to standard error from now on: `format` is `text` or `json`.
pub(crate) fn init_log(format: &str, filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("the log filter {filter:?}"))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match format {
        "json" => lines.json().flatten_event(true).try_init(),
        _ => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    set.map_err(|error| anyhow!("the log: {error}"))
}
