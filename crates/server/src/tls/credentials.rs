//! This process's certificate and key, and the authority it trusts.
//!
//! The certificate is looked at again in every handshake: when one of its two files has changed, both are read, and the
//! pair is taken if it is coherent. Two files cannot be replaced at once, so a pair that does not match is not an error
//! but a moment in between: the last coherent pair stays in use until the next change. The authority is read once.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};

use super::TlsError;
use super::verify::ExpectIdentity;
use crate::authz::{Identity, IdentityError};
use crate::config::TlsFiles;
use crate::pki::{PkiError, damaged, file_error, read_certificates, read_key};

/// gRPC speaks HTTP/2 and nothing else.
const ALPN: &[u8] = b"h2";

/// What this process shows to peers, and whom it believes.
#[derive(Debug)]
pub struct Credentials {
    leaf: Arc<ReloadingLeaf>,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl Credentials {
    /// Reads the files.
    ///
    /// # Errors
    /// ARG-0702, ARG-0703, ARG-0708.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(&files.ca)? {
            roots.add(certificate).map_err(|e| TlsError::Refused { path: files.ca.clone(), reason: e.to_string() })?;
        }
        let leaf = ReloadingLeaf::load(files.cert.clone(), files.key.clone(), Arc::clone(&provider))?;
        Ok(Self { leaf: Arc::new(leaf), roots: Arc::new(roots), provider })
    }

    /// Whose certificate it is, as of now.
    ///
    /// # Errors
    /// When it carries no identity, or several.
    pub fn holder(&self) -> Result<Identity, IdentityError> {
        let pair = self.leaf.current();
        let leaf = pair.cert.first().ok_or(IdentityError::None)?;
        Identity::from_certificate(leaf)
    }

    /// What a server of this process does in a handshake: a caller must have a certificate of the authority.
    pub(super) fn server(&self) -> Arc<ServerConfig> {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::clone(&self.provider))
            .build()
            .expect("the roots are not empty, and there are no revocation lists");
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks TLS 1.3")
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::clone(&self.leaf) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN.to_vec()];
        // A resumed session would skip the look at the caller's certificate, and an expired one would live on.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        Arc::new(config)
    }

    /// What a client of this process does in a handshake: the server must have a certificate of the authority, valid for
    /// the name dialled, and carry the identity that `expect` asks for.
    pub(super) fn client(&self, expect: ExpectIdentity) -> Arc<ClientConfig> {
        let verifier = expect.verifier(Arc::clone(&self.roots), Arc::clone(&self.provider));
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::clone(&self.leaf) as Arc<dyn ResolvesClientCert>);
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }
}

/// What tells one version of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified_ns: i128,
    size: u64,
}

/// A certificate and its key, read again when their files change.
#[derive(Debug)]
struct ReloadingLeaf {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    pair: Arc<CertifiedKey>,
    /// The versions that were last tried, whether or not they were taken: a bad pair is tried and reported once.
    tried: [Stamp; 2],
}

impl ReloadingLeaf {
    fn load(certificate: PathBuf, key: PathBuf, provider: Arc<CryptoProvider>) -> Result<Self, PkiError> {
        let tried = [stamp(&certificate)?, stamp(&key)?];
        let pair = Arc::new(read_pair(&certificate, &key, &provider)?);
        Ok(Self { certificate, key, provider, held: Mutex::new(Held { pair, tried }) })
    }

    /// The newest coherent pair. Two `stat` calls on small local files: cheaper than handing them to another thread.
    fn current(&self) -> Arc<CertifiedKey> {
        // A panic while the lock was held cannot leave a half-written pair: it is one assignment.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamp(&self.certificate).and_then(|certificate| Ok([certificate, stamp(&self.key)?]));
        // Files that are away for a moment are being replaced.
        let Ok(stamps) = stamps else { return Arc::clone(&held.pair) };
        if stamps != held.tried {
            held.tried = stamps;
            match read_pair(&self.certificate, &self.key, &self.provider) {
                Ok(pair) => {
                    held.pair = Arc::new(pair);
                    tracing::info!(certificate = %self.certificate.display(), "the certificate has changed and is in use");
                }
                Err(error) => {
                    tracing::warn!(%error, "the certificate has changed and cannot be used; the last one stays in use")
                }
            }
        }
        Arc::clone(&held.pair)
    }
}

fn stamp(path: &std::path::Path) -> Result<Stamp, PkiError> {
    let meta = fs::metadata(path).map_err(file_error(path))?;
    let modified_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    Ok(Stamp { inode: meta.ino(), modified_ns, size: meta.size() })
}

fn read_pair(
    certificate: &std::path::Path,
    key: &std::path::Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, PkiError> {
    let chain = read_certificates(certificate)?;
    CertifiedKey::from_der(chain, read_key(key)?, provider).map_err(|e| damaged(certificate, e))
}

impl ResolvesServerCert for ReloadingLeaf {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl ResolvesClientCert for ReloadingLeaf {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
