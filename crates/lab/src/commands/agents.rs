//! `argosy-lab agents`: many node agents on one real node, and what that costs it.

use std::time::Duration;

use anyhow::bail;
use argosy_lab::agents::{self, Options};
use clap::Args;

use super::fleet::FleetArgs;

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
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Runs the command. Fails when something is not as it should be.
pub(crate) fn run(args: &AgentsArgs) -> anyhow::Result<()> {
    let folder = args.fleet.folder("agents");
    let options = Options {
        program: args.fleet.program()?,
        dir: folder.path().to_owned(),
        agents: args.agents,
        streams: args.streams,
        interval: args.interval,
        span: args.span,
        faults: args.faults,
    };
    let report = tokio::runtime::Runtime::new()?.block_on(agents::run(&options, &|what| eprintln!("{what}")))?;
    args.fleet.tell(folder, &report)?;
    if !report.is_clean() {
        bail!("ARG-0934: the load was not carried as it should be; the lines that begin with `wrong` say what");
    }
    Ok(())
}
