//! This process's certificate and key, and the authority it trusts.
//!
//! The certificate is looked at again in every handshake: when one of its two files has changed, both are read, and the
//! pair is taken if it is coherent. Two files cannot be replaced at once, so a pair that does not match is not an error
//! but a moment in between: the last coherent pair stays in use until the next change. The authority is read once.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};

use super::TlsError;
use super::callers::CallerVerifier;
use super::verify::ExpectIdentity;
use crate::authz::{Identity, IdentityError};
use crate::config::TlsFiles;
use crate::pki::{PkiError, damaged, file_error, read_certificates, read_key, refuse_unfit};

/// gRPC speaks HTTP/2 and nothing else.
pub(super) const ALPN: &[u8] = b"h2";

/// What this process shows to peers, and whom it believes.
#[derive(Debug)]
pub struct Credentials {
    leaf: Arc<ReloadingLeaf>,
    roots: Arc<RootCertStore>,
    /// The authority whose certificates are taken from agents.
    agents: Option<Arc<RootCertStore>>,
    /// The certificates behind `roots`, for whoever knows them by their fingerprints only.
    authorities: Arc<Vec<CertificateDer<'static>>>,
    provider: Arc<CryptoProvider>,
}

/// The authorities in a file.
pub(super) fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        roots.add(certificate).map_err(|e| TlsError::Refused { path: path.to_path_buf(), reason: e.to_string() })?;
    }
    Ok(roots)
}

impl Credentials {
    /// Reads the files.
    ///
    /// # Errors
    /// ARG-0702, ARG-0703, ARG-0708.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(read_roots(&files.ca)?);
        let authorities = Arc::new(read_certificates(&files.ca)?);
        let leaf = Arc::new(ReloadingLeaf::load(files.cert.clone(), files.key.clone(), Arc::clone(&provider))?);
        Ok(Self { leaf, roots, agents: None, authorities, provider })
    }

    /// The same, and certificates of the authority in this file are taken from agents. `installation` is the file of the authority that
    /// everybody else's come from.
    ///
    /// # Errors
    /// ARG-0725 when it is not an authority for agents alone; ARG-0702, ARG-0703.
    pub fn with_agents_of(mut self, authority: &Path, installation: &Path) -> Result<Self, TlsError> {
        refuse_unfit(authority, installation)?;
        self.agents = Some(Arc::new(read_roots(authority)?));
        Ok(self)
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
        let verifier = CallerVerifier::new(&self.roots, self.agents.as_ref(), &self.provider);
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

    /// What a server of this process does in a handshake with a caller that has no certificate: it shows its own, and the authority
    /// behind it.
    pub(super) fn server_of_strangers(&self) -> Arc<ServerConfig> {
        let shown = WithAuthorities { leaf: Arc::clone(&self.leaf), authorities: Arc::clone(&self.authorities) };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks TLS 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        config.alpn_protocols = vec![ALPN.to_vec()];
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

fn stamp(path: &Path) -> Result<Stamp, PkiError> {
    let meta = fs::metadata(path).map_err(file_error(path))?;
    let modified_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    Ok(Stamp { inode: meta.ino(), modified_ns, size: meta.size() })
}

fn read_pair(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, PkiError> {
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

/// The certificate with the authorities behind it.
#[derive(Debug)]
struct WithAuthorities {
    leaf: Arc<ReloadingLeaf>,
    authorities: Arc<Vec<CertificateDer<'static>>>,
}

impl ResolvesServerCert for WithAuthorities {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let pair = self.leaf.current();
        let chain = pair.cert.iter().chain(self.authorities.iter()).cloned().collect();
        Some(Arc::new(CertifiedKey::new(chain, Arc::clone(&pair.key))))
    }
}
