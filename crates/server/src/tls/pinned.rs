//! The way of a machine without a certificate to where it may show its token.
//!
//! It knows the installation by the file of its authority, or by that authority's fingerprint alone: then the server shows the authority
//! itself, in the chain behind its own certificate, and what has another fingerprint is not looked at.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use argosy_proto::authz::Role;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, Error, OtherError, RootCertStore};
use sha2::{Digest as _, Sha256};

use super::TlsError;
use super::credentials::{ALPN, read_roots};
use super::signatures::signatures_of_tls13;
use super::verify::ExpectIdentity;

/// How the installation is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// By the file of its authority.
    Authority(PathBuf),
    /// By SHA-256 of its authority's certificate.
    Fingerprint([u8; 32]),
}

impl Trust {
    /// Reads a fingerprint: 64 digits of base 16, with `sha256:` before them or without, and colons between them or none.
    #[must_use]
    pub fn fingerprint(text: &str) -> Option<Self> {
        let digits: String = text.strip_prefix("sha256:").unwrap_or(text).chars().filter(|c| *c != ':').collect();
        let mut print = [0; 32];
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        for (at, byte) in print.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self::Fingerprint(print))
    }
}

/// Nobody in the server's chain has the fingerprint.
#[derive(thiserror::Error)]
#[error(
    "ARG-1124: the server's certificates come from another authority than the one with the fingerprint that was given; compare \
     it with `argosy token create`'s, and do not go on if they are alike"
)]
struct Stranger;

/// rustls shows the debug form of a foreign error to people.
impl fmt::Debug for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a client without a certificate does in a handshake: the server must be a node of the installation, and valid for the name dialled.
pub(super) fn client(trust: &Trust) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Authority(path) => any_node().verifier(Arc::new(read_roots(path)?), Arc::clone(&provider)),
        Trust::Fingerprint(print) => Arc::new(Pinned::new(*print, &provider)),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .expect("ring speaks TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

const fn any_node() -> ExpectIdentity {
    ExpectIdentity { role: Role::Node, id: None }
}

#[derive(Debug)]
struct Pinned {
    print: [u8; 32],
    provider: Arc<CryptoProvider>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    fn new(print: [u8; 32], provider: &Arc<CryptoProvider>) -> Self {
        Self { print, provider: Arc::clone(provider), algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let stranger = || Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Stranger))));
        let pinned = intermediates.iter().find(|shown| Sha256::digest(shown)[..] == self.print).ok_or_else(stranger)?;
        let mut roots = RootCertStore::empty();
        roots.add(pinned.clone().into_owned())?;
        let ordinary = any_node().verifier(Arc::new(roots), Arc::clone(&self.provider));
        ordinary.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    signatures_of_tls13!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_people_write_it() {
        let print = "00ff".repeat(16);
        let colons: Vec<_> = (0..32).map(|at| &print[2 * at..2 * at + 2]).collect();
        let same = Trust::fingerprint(&print).expect("plain");
        assert_eq!(Trust::fingerprint(&format!("sha256:{print}")), Some(same.clone()));
        assert_eq!(Trust::fingerprint(&colons.join(":").to_uppercase()), Some(same));
        for wrong in ["", "sha256:", &print[1..], &format!("{print}0"), &print.replace('f', "g")] {
            assert_eq!(Trust::fingerprint(wrong), None, "{wrong}");
        }
    }
}
