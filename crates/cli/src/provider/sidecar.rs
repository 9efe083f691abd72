//! `argosy provider exec` and `lambda`: sidecars.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use argosy_server::config::TlsFiles;
use argosy_server::tls::Security;
use argosy_sidecar::bootstrap::{self, BootstrapConfig, Bootstrapped};
use argosy_sidecar::config::SidecarConfig;
use argosy_sidecar::exec::{ExecConfig, Scripts};
use argosy_sidecar::lambda::{LambdaCloud, LambdaConfig};
use argosy_sidecar::{Backend, Sidecar, SidecarError};
use clap::Args;
use tokio::runtime::Runtime;

use super::serve;
use crate::{output, stop};

/// Run a sidecar
#[derive(Debug, Args)]
pub(super) struct SidecarCommand {
    /// The configuration; docs/reference/sidecars.md has every key
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only read the configuration
    #[arg(long)]
    check: bool,
}

pub(super) fn exec(command: &SidecarCommand) -> Result<ExitCode> {
    let text = command.read()?;
    let config = match ExecConfig::parse(&command.config, &text) {
        Ok(config) => config,
        Err(error) => return Ok(refuse(&error)),
    };
    if command.check {
        return command.is_fine();
    }
    crate::server::init_log("text", "info")?;
    let backend = Arc::new(Scripts::new(&config));
    Runtime::new()?.block_on(run(&config.sidecar, backend, config.bootstrap))
}

pub(super) fn lambda(command: &SidecarCommand) -> Result<ExitCode> {
    let text = command.read()?;
    let config = match LambdaConfig::parse(&command.config, &text) {
        Ok(config) => config,
        Err(error) => return Ok(refuse(&error)),
    };
    if command.check {
        return command.is_fine();
    }
    crate::server::init_log("text", "info")?;
    let key = config.key()?;
    Runtime::new()?.block_on(async {
        let backend = Arc::new(LambdaCloud::connect(&config, key).await?);
        run(&config.sidecar, backend, config.bootstrap).await
    })
}

/// Show what the newest bootstrap of a machine said
#[derive(Debug, Args)]
pub(super) struct BootstrapLogCommand {
    /// The machine
    machine: String,
    /// The sidecar's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

pub(super) fn bootstrap_log(command: &BootstrapLogCommand) -> Result<ExitCode> {
    let log = bootstrap::read_log(&command.data_dir, &command.machine)
        .with_context(|| format!("the bootstraps of {}", command.machine))?;
    output::line(log.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

impl SidecarCommand {
    fn read(&self) -> Result<String> {
        std::fs::read_to_string(&self.config).with_context(|| format!("the configuration {}", self.config.display()))
    }

    fn is_fine(&self) -> Result<ExitCode> {
        output::line(format!("ok: {}", self.config.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn refuse(error: &SidecarError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(2)
}

/// Serves a sidecar until a signal, or until its book can no longer be kept.
async fn run(
    config: &SidecarConfig,
    backend: Arc<dyn Backend>,
    bootstrap: Option<BootstrapConfig>,
) -> Result<ExitCode> {
    let backend = match bootstrap {
        None => backend,
        Some(section) => match Bootstrapped::new(backend, section, &config.provider, &config.data_dir) {
            Ok(bootstrapped) => Arc::new(bootstrapped),
            Err(error) => return Ok(refuse(&error)),
        },
    };
    let security = match &config.tls {
        None => Security::Plaintext,
        Some(tls) => {
            let (cert, key, ca) = (tls.cert.clone(), tls.key.clone(), tls.ca.clone());
            serve::mutual(&TlsFiles { cert, key, ca })?
        }
    };
    let sidecar = Sidecar::start(config.settings(), backend).await?;
    let failed = sidecar.failed();
    let shutdown = async {
        tokio::select! {
            () = stop::signal() => {}
            () = failed.cancelled() => {}
        }
    };
    let served = serve::serve(config.listen, &security, sidecar.routes(), shutdown).await;
    let broken = sidecar.failed().is_cancelled();
    sidecar.stop().await;
    served?;
    if broken {
        bail!("the sidecar's book can no longer be kept; its log says why");
    }
    Ok(ExitCode::SUCCESS)
}
