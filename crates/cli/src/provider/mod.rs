//! `argosy provider`: providers as processes of their own, a check of anybody's, and a look at the simulated one's ledger.

mod check;
mod serve;
mod sidecar;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use argosy_provider::sim::{self, Sim, SimArgs};
use clap::{Args, Subcommand};

use self::check::CheckCommand;
use self::serve::TlsArgs;
use self::sidecar::{BootstrapLogCommand, SidecarCommand};
use crate::{output, stop};

/// Run a provider, check one, or read the simulated one's ledger
#[derive(Debug, Args)]
pub(crate) struct ProviderArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run a simulated provider: offerings, latencies, faults and fences, kept across restarts
    Sim(Box<SimCommand>),
    /// Run a provider over a site's own scripts, one for each verb
    Exec(SidecarCommand),
    /// Run a provider over Lambda Cloud
    Lambda(SidecarCommand),
    /// Show what the newest bootstrap of a machine said
    BootstrapLog(BootstrapLogCommand),
    /// Check a running provider against the contract; buys and gives back the three slots it is told to
    Check(CheckCommand),
    /// Print the ledger of effects of a simulated provider that is not running, one JSON object a line
    Effects {
        /// The provider's data directory
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Skip entries up to this number
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
}

#[derive(Debug, Args)]
struct SimCommand {
    #[command(flatten)]
    sim: SimArgs,
    #[command(flatten)]
    tls: TlsArgs,
}

/// Runs the command.
pub(crate) fn run(args: ProviderArgs) -> Result<ExitCode> {
    match args.what {
        What::Sim(command) => {
            crate::server::init_log("text", "info")?;
            tokio::runtime::Runtime::new()?.block_on(simulate(*command))?;
        }
        What::Exec(command) => return sidecar::exec(&command),
        What::Lambda(command) => return sidecar::lambda(&command),
        What::BootstrapLog(command) => return sidecar::bootstrap_log(&command),
        What::Check(command) => return check::run(&command),
        What::Effects { data_dir, after } => {
            let mut failed = Ok(());
            sim::read_effects(&data_dir.join(sim::STORE_FILE), after, |effect| {
                if failed.is_ok() {
                    failed = output::line(sim::ledger::json_line(&effect));
                }
            })?;
            failed?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn simulate(command: SimCommand) -> Result<()> {
    let (address, config) = command.sim.config()?;
    let security = command.tls.security()?;
    let sim = Sim::start(config)?;
    serve::serve(address, &security, sim.routes(), stop::signal()).await?;
    sim.stop().await?;
    Ok(())
}
