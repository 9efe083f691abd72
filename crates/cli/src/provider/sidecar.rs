//! `argosy provider exec`: a sidecar over a site's scripts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use argosy_server::config::TlsFiles;
use argosy_server::tls::Security;
use argosy_sidecar::exec::{ExecConfig, Scripts};
use argosy_sidecar::{Backend, Settings, Sidecar};
use clap::Args;

use super::serve;
use crate::{output, stop};

/// Run a provider over a site's own scripts
#[derive(Debug, Args)]
pub(super) struct ExecCommand {
    /// The configuration; docs/reference/sidecars.md has every key
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only read the configuration
    #[arg(long)]
    check: bool,
}

pub(super) fn exec(command: &ExecCommand) -> Result<ExitCode> {
    let config = match ExecConfig::parse(&command.config, &read(&command.config)?) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::from(2));
        }
    };
    if command.check {
        output::line(format!("ok: {}", command.config.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    crate::server::init_log("text", "info")?;
    let security = match &config.sidecar.tls {
        None => Security::Plaintext,
        Some(tls) => {
            let (cert, key, ca) = (tls.cert.clone(), tls.key.clone(), tls.ca.clone());
            serve::mutual(&TlsFiles { cert, key, ca })?
        }
    };
    let backend = Arc::new(Scripts::new(&config));
    let serving = run(config.sidecar.settings(), backend, config.sidecar.listen, &security);
    tokio::runtime::Runtime::new()?.block_on(serving)?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("the configuration {}", file.display()))
}

/// Serves a sidecar until a signal, or until its book can no longer be kept.
async fn run(settings: Settings, backend: Arc<dyn Backend>, listen: SocketAddr, security: &Security) -> Result<()> {
    let sidecar = Sidecar::start(settings, backend).await?;
    let failed = sidecar.failed();
    let shutdown = async {
        tokio::select! {
            () = stop::signal() => {}
            () = failed.cancelled() => {}
        }
    };
    let served = serve::serve(listen, security, sidecar.routes(), shutdown).await;
    let broken = sidecar.failed().is_cancelled();
    sidecar.stop().await;
    served?;
    if broken {
        bail!("the sidecar's book can no longer be kept; its log says why");
    }
    Ok(())
}
