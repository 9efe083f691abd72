//! Whose certificates are taken from callers: the installation's for everybody, the agents' authority's for agents and nobody else.
//!
//! The two are kept apart: a chain is held against one of them at a time, so no chain can begin at the one and end at the other. Whoever is
//! dialled is held against the installation's alone (`verify`).

use std::fmt;
use std::sync::Arc;

use argosy_proto::authz::Role;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DistinguishedName, Error, OtherError, RootCertStore};

use super::signatures::signatures_of_tls13;
use crate::authz::{Identity, IdentityError};
use crate::plant::{Bug, planted};

/// A certificate of the agents' authority that is no agent's.
#[derive(thiserror::Error)]
enum NoAgent {
    #[error(
        "ARG-0726: the agents' authority has issued a certificate for {0}, which it must not: its key has most likely been \
         stolen; make another authority for agents"
    )]
    Other(Identity),
    #[error(transparent)]
    Nobody(#[from] IdentityError),
}

/// rustls shows the debug form of a foreign error to people.
impl fmt::Debug for NoAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Judges callers' certificates.
#[derive(Debug)]
pub(super) struct CallerVerifier {
    installation: Arc<dyn ClientCertVerifier>,
    agents: Option<Arc<dyn ClientCertVerifier>>,
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl CallerVerifier {
    pub(super) fn new(
        installation: &Arc<RootCertStore>,
        agents: Option<&Arc<RootCertStore>>,
        provider: &Arc<CryptoProvider>,
    ) -> Arc<Self> {
        let one = |roots: &Arc<RootCertStore>| {
            WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
                .build()
                .expect("the roots are not empty, and there are no revocation lists")
        };
        let hints = agents.map(|agents| agents.subjects()).unwrap_or_default();
        let hints = installation.subjects().into_iter().chain(hints).collect();
        let algorithms = provider.signature_verification_algorithms;
        Arc::new(Self { installation: one(installation), agents: agents.map(one), hints, algorithms })
    }
}

impl ClientCertVerifier for CallerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let refused = match self.installation.verify_client_cert(end_entity, intermediates, now) {
            Ok(verified) => return Ok(verified),
            Err(refused) => refused,
        };
        let Some(agents) = &self.agents else { return Err(refused) };
        let verified = agents.verify_client_cert(end_entity, intermediates, now).map_err(|error| match error {
            // Not of this authority either: what the other one had against it says more.
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => refused,
            error => error,
        })?;
        let no_agent = match Identity::from_certificate(end_entity) {
            Ok(identity) if identity.role() == Some(Role::Agent) || planted(Bug::IssuerForAnybody) => {
                return Ok(verified);
            }
            Ok(identity) => NoAgent::Other(identity),
            Err(nobody) => NoAgent::Nobody(nobody),
        };
        tracing::error!(error = %no_agent, "a caller was refused");
        Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(no_agent)))))
    }

    signatures_of_tls13!();
}

#[cfg(test)]
mod tests;
