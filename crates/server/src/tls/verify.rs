//! Whether the server that answered is the one that was meant.
//!
//! A certificate of our authority that is valid for the name dialled is not enough: every agent has one. The identity in
//! it must be of the expected role, and where the id is known, of that id.

use std::fmt;
use std::sync::Arc;

use argosy_proto::authz::Role;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, OtherError, RootCertStore};

use super::signatures::signatures_of_tls13;
use crate::authz::{Identity, IdentityError};

/// Who the other end must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExpectIdentity {
    pub(super) role: Role,
    /// `None` accepts any of the role.
    pub(super) id: Option<String>,
}

/// Another peer answered than the one that was meant.
#[derive(thiserror::Error)]
enum Unexpected {
    #[error(
        "ARG-0706: expected {expected} and reached {found}; check the address, or issue the server the certificate of {expected}"
    )]
    Other { expected: String, found: Identity },
    #[error(transparent)]
    Nobody(#[from] IdentityError),
}

/// rustls shows the debug form of a foreign error to people.
impl fmt::Debug for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ExpectIdentity {
    fn check(&self, certificate: &[u8]) -> Result<(), Unexpected> {
        let found = Identity::from_certificate(certificate)?;
        let matches = match &self.id {
            Some(id) => found.is(self.role, id),
            None => found.role() == Some(self.role),
        };
        if matches {
            return Ok(());
        }
        let expected = format!("{}/{}", self.role.name(), self.id.as_deref().unwrap_or("*"));
        Err(Unexpected::Other { expected, found })
    }

    /// The check, on top of the ordinary one of chain, time and name.
    pub(super) fn verifier(self, roots: Arc<RootCertStore>, provider: Arc<CryptoProvider>) -> Arc<IdentityVerifier> {
        let algorithms = provider.signature_verification_algorithms;
        let chain = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .expect("the roots are not empty, and there are no revocation lists");
        Arc::new(IdentityVerifier { chain, algorithms, expect: self })
    }
}

#[derive(Debug)]
pub(super) struct IdentityVerifier {
    chain: Arc<WebPkiServerVerifier>,
    algorithms: WebPkiSupportedAlgorithms,
    expect: ExpectIdentity,
}

impl ServerCertVerifier for IdentityVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        self.expect
            .check(end_entity)
            .map_err(|e| Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(e)))))?;
        Ok(verified)
    }

    signatures_of_tls13!();
}
