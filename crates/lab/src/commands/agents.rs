//! `argosy-lab agents`: many node agents on one real node, and what that costs it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use argosy_lab::agents::{self, Options};
use clap::Args;

use super::replay::beside_this;

/// Arguments of `argosy-lab agents`.
#[derive(Debug, Args)]
pub(crate) struct AgentsArgs {
    /// Agents in all, a machine each
    #[arg(long, default_value_t = 100_000)]
    agents: u32,
    /// How many of them have a connection and a certificate of their own; the others are passed on, many to a connection
    #[arg(long, default_value_t = 10_000)]
    streams: u32,
    /// Between two samples of one agent
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// How long is measured once all are connected
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    span: Duration,
    /// On how many machines a GPU falls off the bus at the end
    #[arg(long, default_value_t = 100)]
    faults: u32,
    /// Write the outcome to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the fleet's files go; a temporary directory, removed at the end, when left out
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The binary argosy; the one next to this program when left out
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Runs the command. Fails when something is not as it should be.
pub(crate) fn run(args: AgentsArgs) -> anyhow::Result<()> {
    let own = std::env::temp_dir().join(format!("argosy-agents-{}", std::process::id()));
    let options = Options {
        program: args.program.map_or_else(beside_this, Ok)?,
        dir: args.dir.clone().unwrap_or_else(|| own.clone()),
        agents: args.agents,
        streams: args.streams,
        interval: args.interval,
        span: args.span,
        faults: args.faults,
    };
    let report = tokio::runtime::Runtime::new()?.block_on(agents::run(&options, &|what| eprintln!("{what}")))?;
    if args.dir.is_none() {
        std::fs::remove_dir_all(&own).with_context(|| format!("removing {}", own.display()))?;
    }
    print!("{report}");
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    if !report.is_clean() {
        bail!("ARG-0934: the load was not carried as it should be; the lines that begin with `wrong` say what");
    }
    Ok(())
}
