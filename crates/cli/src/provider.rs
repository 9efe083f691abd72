//! `argosy provider`: the simulated provider as a process of its own, and a look at its ledger.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use argosy_provider::sim::{self, Sim, SimArgs};
use argosy_server::authz::{Authorize, TracingAudit};
use argosy_server::config::TlsFiles;
use argosy_server::tls::{self, Credentials, Limits, Security};
use clap::{Args, Subcommand};

use crate::{output, stop};

/// Run the simulated provider, or read its ledger
#[derive(Debug, Args)]
pub(crate) struct ProviderArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run a simulated provider: offerings, latencies, faults and fences, kept across restarts
    Sim(Box<SimCommand>),
    /// Print the ledger of effects of a provider that is not running, one JSON object a line
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
    /// The provider's certificate; without one it speaks plaintext, on loopback only
    #[arg(long, value_name = "FILE", requires_all = ["tls_key", "tls_ca"])]
    tls_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The authority that callers' certificates must come from
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_ca: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: ProviderArgs) -> Result<ExitCode> {
    match args.what {
        What::Sim(command) => {
            crate::server::init_log("text", "info")?;
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(serve(*command))?;
        }
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

async fn serve(command: SimCommand) -> Result<()> {
    let (address, config) = command.sim.config()?;
    let security = match (command.tls_cert, command.tls_key, command.tls_ca) {
        (Some(cert), Some(key), Some(ca)) => {
            Security::Mutual(Arc::new(Credentials::load(&TlsFiles { cert, key, ca })?))
        }
        _ => Security::Plaintext,
    };
    let limits = Limits::default();
    let listener = tls::listen(address, &security).await?;
    let incoming = tls::accept(listener, &security, &limits);
    let sim = Sim::start(config)?;
    tracing::info!(%address, "the simulated provider serves");
    tls::server(&limits)
        .layer(Authorize::new(TracingAudit))
        .add_routes(sim.routes())
        .serve_with_incoming_shutdown(incoming, stop::signal())
        .await
        .context("the provider's server")?;
    sim.stop().await?;
    Ok(())
}
