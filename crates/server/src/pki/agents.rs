//! The authority of agents: what nodes sign agents' certificates with.
//!
//! It is no authority below the installation's, but one of its own that stands beside it, and only nodes trust it, and only for
//! agents (`tls::callers`). So whoever gets hold of its key can be an agent, and nothing else to anybody: to an operator, a provider or a
//! stock peer its certificates are those of a stranger (docs/adr/0110-agents-have-an-authority-of-their-own.md).

use std::fmt;
use std::path::{Path, PathBuf};

use argosy_proto::authz::Role;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose, SanType};
use ring::rand::{SecureRandom as _, SystemRandom};
use time::OffsetDateTime;
use x509_parser::prelude::X509Certificate;

use super::authority::{bad_request, found, issuer};
use super::facts::CertificateFacts;
use super::files::{directory, read_certificates};
use super::leaf::{Validity, ascii};
use super::request::SigningRequest;
use super::{PkiError, damaged};
use crate::authz::Principal;
use crate::plant::{Bug, planted};

/// An authority that signs for agents.
pub struct AgentsAuthority {
    issuer: Issuer<'static, KeyPair>,
    until: OffsetDateTime,
    path: PathBuf,
}

impl fmt::Debug for AgentsAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentsAuthority").field("path", &self.path).finish_non_exhaustive()
    }
}

impl AgentsAuthority {
    /// Where an authority in `dir` has its certificate and its key.
    #[must_use]
    pub fn paths(dir: &Path) -> (PathBuf, PathBuf) {
        (dir.join("agents-ca.crt"), dir.join("agents-ca.key"))
    }

    /// Makes one in `dir`, which is created if it is not there.
    ///
    /// # Errors
    /// ARG-0701 when there is one already; ARG-0702.
    pub fn create(dir: &Path, name: &str) -> Result<(PathBuf, PathBuf), PkiError> {
        directory(dir)?;
        let paths = Self::paths(dir);
        found(&paths, &format!("{name} agents' authority"))?;
        Ok(paths)
    }

    /// Opens the one whose files these are. `installation` is the file of the authority that everybody else's certificates come from.
    ///
    /// # Errors
    /// ARG-0725 when it is that very authority, or below another, or none at all; ARG-0702, ARG-0703, ARG-0708. That it is over is only
    /// logged: a node must start without it, and [`Self::issue`] refuses.
    pub fn open(certificate: &Path, key: &Path, installation: &Path) -> Result<Self, PkiError> {
        refuse_unfit(certificate, installation)?;
        let (der, issuer) = issuer(certificate, key)?;
        let facts = CertificateFacts::of(&der).map_err(|e| damaged(certificate, e))?;
        let authority = Self { issuer, until: facts.not_after, path: certificate.to_path_buf() };
        if let Err(error) = authority.must_hold() {
            tracing::error!(%error, "no agent gets a certificate from this node");
        }
        Ok(authority)
    }

    fn must_hold(&self) -> Result<(), PkiError> {
        if self.until > OffsetDateTime::now_utc() {
            return Ok(());
        }
        Err(PkiError::UnfitAuthority { path: self.path.clone(), reason: "it has expired".to_owned() })
    }

    /// Issues a certificate for the key of a request.
    ///
    /// # Errors
    /// ARG-0710 when it would not be an agent's; ARG-0725 when this authority is over.
    pub fn issue(&self, agent: &Principal, request: &SigningRequest, validity: Validity) -> Result<String, PkiError> {
        if agent.role() != Role::Agent {
            return Err(PkiError::BadRequest(format!(
                "{agent} is no agent, and this authority signs for agents alone"
            )));
        }
        self.must_hold()?;
        let mut params = CertificateParams::default();
        params.not_before = validity.from;
        params.not_after = validity.until.min(self.until);
        params.distinguished_name.push(DnType::CommonName, agent.to_string());
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // An agent dials and is never dialled.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names.push(SanType::URI(ascii(&agent.uri())?));
        params.serial_number = Some(fresh_serial()?.into());
        Ok(params.signed_by(&request.key, &self.issuer).map_err(bad_request)?.pem())
    }
}

/// A key keeps its certificates apart by their numbers: they are drawn, for the library would take the key's own for all of them.
fn fresh_serial() -> Result<Vec<u8>, PkiError> {
    let mut serial = [0_u8; 16];
    SystemRandom::new()
        .fill(&mut serial)
        .map_err(|_| PkiError::BadRequest("the system has no randomness".to_owned()))?;
    // Positive, and of one length.
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial.to_vec())
}

/// Refuses an authority that must not be one for agents: most of all that of the installation, whose key no node may have, and any that
/// another has signed, for by way of that other it could make anybody's certificate.
pub(crate) fn refuse_unfit(certificate: &Path, installation: &Path) -> Result<(), PkiError> {
    let unfit = |reason: &str| PkiError::UnfitAuthority { path: certificate.to_path_buf(), reason: reason.to_owned() };
    let [agents] = &read_certificates(certificate)?[..] else {
        return Err(unfit("there is more than one certificate in it"));
    };
    let (_, agents) =
        x509_parser::parse_x509_certificate(agents).map_err(|_| damaged(certificate, "it cannot be read"))?;
    if !agents.is_ca() {
        return Err(unfit("it is no authority"));
    }
    let theirs = read_certificates(installation)?;
    let theirs = theirs.iter().filter_map(|der| x509_parser::parse_x509_certificate(der).ok());
    if theirs.into_iter().any(|(_, other)| other.public_key().raw == agents.public_key().raw) {
        return Err(unfit(
            "it is the authority of the whole installation: a node that has its key could make anybody's certificate",
        ));
    }
    if !is_signed_by_itself(&agents) && !planted(Bug::SignedByAnother) {
        return Err(unfit(
            "another authority has signed it: whoever trusts that one would believe a node that has this one's key",
        ));
    }
    Ok(())
}

fn is_signed_by_itself(certificate: &X509Certificate<'_>) -> bool {
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let key = &certificate.public_key().subject_public_key.data;
    let (said, signature) = (certificate.tbs_certificate.as_ref(), &certificate.signature_value.data);
    certificate.issuer().as_raw() == certificate.subject().as_raw()
        && algorithms.all.iter().any(|algorithm| algorithm.verify_signature(key, said, signature).is_ok())
}
