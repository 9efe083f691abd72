//! Certificates for peers: what is asked for, what is issued, and where it is put.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType};
use time::OffsetDateTime;

use super::files::{Audience, create, directory, replace};
use super::{PkiError, file_error};
use crate::authz::Principal;

/// From when to when a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub from: OffsetDateTime,
    /// The last moment.
    pub until: OffsetDateTime,
}

impl Validity {
    /// The most days a certificate may hold.
    pub const MAX_DAYS: u32 = 3_650;

    /// How far back a fresh certificate reaches, so that a peer whose clock is behind accepts it.
    const BACKDATE: Duration = Duration::from_secs(300);

    /// From now, for so long.
    #[must_use]
    pub fn lasting(time: Duration) -> Self {
        let now = OffsetDateTime::now_utc();
        Self { from: now - Self::BACKDATE, until: now + time }
    }

    /// From now, for so many days.
    ///
    /// # Errors
    /// ARG-0710 for no days at all or more than [`Self::MAX_DAYS`].
    pub fn days(days: u32) -> Result<Self, PkiError> {
        if !(1..=Self::MAX_DAYS).contains(&days) {
            let most = Self::MAX_DAYS;
            return Err(PkiError::BadRequest(format!("a certificate holds 1 to {most} days, not {days}")));
        }
        let now = OffsetDateTime::now_utc();
        Ok(Self { from: now - Self::BACKDATE, until: now + time::Duration::days(i64::from(days)) })
    }
}

/// What a certificate is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafRequest {
    /// Whose it is: its one URI.
    pub principal: Principal,
    /// Host names that peers dial this holder by. A server needs at least one of these or of `ips`.
    pub dns: Vec<String>,
    /// Addresses that peers dial this holder by.
    pub ips: Vec<IpAddr>,
    /// For how long.
    pub validity: Validity,
}

impl LeafRequest {
    pub(super) fn params(&self) -> Result<CertificateParams, PkiError> {
        let mut params = CertificateParams::default();
        params.not_before = self.validity.from;
        params.not_after = self.validity.until;
        params.distinguished_name.push(DnType::CommonName, self.principal.to_string());
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Every process of ours both accepts and dials.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names.push(SanType::URI(ascii(&self.principal.uri())?));
        for dns in &self.dns {
            if rustls::pki_types::DnsName::try_from(dns.as_str()).is_err() {
                return Err(PkiError::BadRequest(format!("{dns:?} is not a host name")));
            }
            params.subject_alt_names.push(SanType::DnsName(ascii(dns)?));
        }
        params.subject_alt_names.extend(self.ips.iter().copied().map(SanType::IpAddress));
        Ok(params)
    }
}

pub(super) fn ascii(text: &str) -> Result<Ia5String, PkiError> {
    Ia5String::try_from(text).map_err(|_| PkiError::BadRequest(format!("{text:?} is not ASCII")))
}

/// A certificate with its private key. The key is for [`Leaf::store`] and never shown.
pub struct Leaf {
    pub(super) certificate_pem: String,
    pub(super) key_pem: String,
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

/// Where a certificate and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafPaths {
    /// `<dir>/<role>-<id>.crt`
    pub certificate: PathBuf,
    /// `<dir>/<role>-<id>.key`
    pub key: PathBuf,
}

impl LeafPaths {
    /// Where the files of `principal` lie in `dir`.
    #[must_use]
    pub fn of(dir: &Path, principal: &Principal) -> Self {
        let stem = principal.to_string().replace('/', "-");
        Self { certificate: dir.join(format!("{stem}.crt")), key: dir.join(format!("{stem}.key")) }
    }
}

impl Leaf {
    /// The certificate.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Writes both files, which must not be there yet.
    ///
    /// # Errors
    /// ARG-0709 when one of them is; ARG-0702.
    pub fn store(&self, paths: &LeafPaths) -> Result<(), PkiError> {
        if let Some(taken) = [&paths.certificate, &paths.key].into_iter().find(|path| path.exists()) {
            return Err(PkiError::LeafExists(taken.clone()));
        }
        for dir in [&paths.certificate, &paths.key].into_iter().filter_map(|path| path.parent()) {
            directory(dir)?;
        }
        create(&paths.key, &self.key_pem, Audience::Owner).map_err(file_error(&paths.key))?;
        create(&paths.certificate, &self.certificate_pem, Audience::Everybody).map_err(file_error(&paths.certificate))
    }

    /// Writes both files over those that are there. Two files cannot change at once: a server that looks in between
    /// finds a pair that does not match, and keeps the one it has.
    ///
    /// # Errors
    /// ARG-0702.
    pub fn replace(&self, paths: &LeafPaths) -> Result<(), PkiError> {
        replace(&paths.key, &self.key_pem, Audience::Owner).map_err(file_error(&paths.key))?;
        replace(&paths.certificate, &self.certificate_pem, Audience::Everybody).map_err(file_error(&paths.certificate))
    }
}
