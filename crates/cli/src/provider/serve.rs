//! A provider's port: TLS and authorisation as everywhere else, around whatever it answers.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use argosy_server::authz::{Authorize, TracingAudit};
use argosy_server::config::TlsFiles;
use argosy_server::tls::{self, Credentials, Limits, Security};
use clap::Args;
use tonic::service::Routes;

/// The files of mutual TLS.
#[derive(Debug, Args)]
pub(super) struct TlsArgs {
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

impl TlsArgs {
    pub(super) fn security(self) -> Result<Security> {
        match (self.tls_cert, self.tls_key, self.tls_ca) {
            (Some(cert), Some(key), Some(ca)) => mutual(&TlsFiles { cert, key, ca }),
            _ => Ok(Security::Plaintext),
        }
    }
}

/// Both sides show a certificate.
pub(super) fn mutual(files: &TlsFiles) -> Result<Security> {
    Ok(Security::Mutual(Arc::new(Credentials::load(files)?)))
}

/// Serves until `shutdown`.
pub(super) async fn serve(
    address: SocketAddr,
    security: &Security,
    routes: Routes,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let limits = Limits::default();
    let listener = tls::listen(address, security).await?;
    let incoming = tls::accept(listener, security, &limits);
    tracing::info!(%address, "the provider serves");
    tls::server(&limits)
        .layer(Authorize::new(TracingAudit))
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, shutdown)
        .await
        .context("the provider's server")
}
