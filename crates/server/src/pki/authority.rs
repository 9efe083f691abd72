//! The authority: made once, opened to issue and to renew.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;

use super::facts::CertificateFacts;
use super::files::{self, Audience, read_certificates, read_key};
use super::leaf::{Leaf, LeafPaths, LeafRequest, Validity};
use super::{PkiError, damaged, file_error};
use crate::authz::Identity;

/// Longer than any leaf: the authority's own renewal is a new authority that both sides trust for a while.
const AUTHORITY_DAYS: u32 = Validity::MAX_DAYS;

/// A certificate authority in a directory.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    certificate_path: PathBuf,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("certificate_path", &self.certificate_path).finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes an authority in `dir`, which is created if it is not there. `name` tells it from others in a listing.
    ///
    /// # Errors
    /// ARG-0701 when there is one already, or what an earlier one left; ARG-0702.
    pub fn create(dir: &Path, name: &str) -> Result<Self, PkiError> {
        files::directory(dir)?;
        found(&paths(dir), &format!("{name} authority"))?;
        Self::open(dir)
    }

    /// Opens the authority in `dir`.
    ///
    /// # Errors
    /// ARG-0702, ARG-0703, ARG-0708.
    pub fn open(dir: &Path) -> Result<Self, PkiError> {
        let (certificate_path, key_path) = paths(dir);
        let (certificate, issuer) = issuer(&certificate_path, &key_path)?;
        Ok(Self { issuer, certificate, certificate_path })
    }

    /// Where its certificate lies: the `tls.ca` of every configuration.
    #[must_use]
    pub fn certificate_path(&self) -> &Path {
        &self.certificate_path
    }

    /// Issues a certificate with a fresh key.
    ///
    /// # Errors
    /// ARG-0710.
    pub fn issue(&self, request: &LeafRequest) -> Result<Leaf, PkiError> {
        let params = request.params()?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(bad_request)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(bad_request)?;
        Ok(Leaf { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// Replaces the certificate at `paths`, and its key, by fresh ones with the same identity and names.
    ///
    /// # Errors
    /// ARG-0710 when the certificate is not this authority's or carries no identity; ARG-0702, ARG-0703.
    pub fn renew(&self, paths: &LeafPaths, validity: Validity) -> Result<(), PkiError> {
        let old = read_certificates(&paths.certificate)?.remove(0);
        let facts = CertificateFacts::of(&old).map_err(|e| damaged(&paths.certificate, e))?;
        self.refuse_foreign(&old, &facts)?;
        let identity = Identity::from_certificate(&old).map_err(|e| PkiError::BadRequest(e.to_string()))?;
        let Identity::Certified(principal) = identity else {
            return Err(PkiError::BadRequest("the certificate carries no identity".to_owned()));
        };
        if !paths.key.exists() {
            fs::metadata(&paths.key).map_err(file_error(&paths.key))?;
        }
        let request = LeafRequest { principal, dns: facts.dns, ips: facts.ips, validity };
        self.issue(&request)?.replace(paths)
    }

    /// An expired certificate may be renewed, so it is judged as of its own first moment.
    fn refuse_foreign(&self, leaf: &CertificateDer<'_>, facts: &CertificateFacts) -> Result<(), PkiError> {
        let foreign = |e: &dyn fmt::Display| {
            PkiError::BadRequest(format!("the certificate was not issued by {}: {e}", self.certificate_path.display()))
        };
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).map_err(|e| foreign(&e))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().map_err(|e| foreign(&e))?;
        let seconds = u64::try_from(facts.not_before.unix_timestamp()).unwrap_or(0);
        let then = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        verifier.verify_client_cert(leaf, &[], then).map(|_| ()).map_err(|e| foreign(&e))
    }
}

/// Makes an authority that signs itself: certificate and key go where `paths` says.
pub(super) fn found((certificate_path, key_path): &(PathBuf, PathBuf), name: &str) -> Result<(), PkiError> {
    if let Some(taken) = [certificate_path, key_path].into_iter().find(|path| path.exists()) {
        return Err(PkiError::AuthorityExists(taken.clone()));
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(bad_request)?;
    let validity = Validity::days(AUTHORITY_DAYS)?;
    let mut params = CertificateParams::default();
    params.not_before = validity.from;
    params.not_after = validity.until;
    params.distinguished_name.push(DnType::CommonName, name);
    // No authority below this one.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).map_err(bad_request)?;
    let exists = |path: &Path| {
        let path = path.to_path_buf();
        move |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => PkiError::AuthorityExists(path),
            _ => PkiError::File { path, error },
        }
    };
    files::create(key_path, &key.serialize_pem(), Audience::Owner).map_err(exists(key_path))?;
    files::create(certificate_path, &certificate.pem(), Audience::Everybody).map_err(exists(certificate_path))
}

/// An authority to sign with, from its two files.
pub(super) fn issuer(
    certificate_path: &Path,
    key_path: &Path,
) -> Result<(CertificateDer<'static>, Issuer<'static, KeyPair>), PkiError> {
    let certificate = read_certificates(certificate_path)?.remove(0);
    let key = read_key(key_path)?;
    CertifiedKey::from_der(vec![certificate.clone()], key.clone_key(), &rustls::crypto::ring::default_provider())
        .map_err(|e| damaged(key_path, e))?;
    let key = KeyPair::try_from(&key).map_err(|_| damaged(key_path, "the key is of a kind that cannot sign"))?;
    let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|e| damaged(certificate_path, e))?;
    Ok((certificate, issuer))
}

fn paths(dir: &Path) -> (PathBuf, PathBuf) {
    (dir.join("ca.crt"), dir.join("ca.key"))
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
pub(super) fn bad_request(error: rcgen::Error) -> PkiError {
    PkiError::BadRequest(error.to_string())
}
