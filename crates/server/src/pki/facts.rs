//! What a certificate says, for people: `argosy pki show`.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::PkiError;
use super::files::read_certificates;
use crate::authz::Identity;

/// The facts in one certificate. Nothing of a private key is ever among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Whose it is, in the certificate's own words.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Its number with the issuer, in hexadecimal.
    pub serial: String,
    /// The first moment at which it holds.
    pub not_before: OffsetDateTime,
    /// The last moment at which it holds.
    pub not_after: OffsetDateTime,
    /// Whether it may issue others.
    pub is_authority: bool,
    /// The host names it is valid for.
    pub dns: Vec<String>,
    /// The addresses it is valid for.
    pub ips: Vec<IpAddr>,
    /// All its URIs; a certificate of ours has one.
    pub uris: Vec<String>,
    /// SHA-256 of the whole, in hexadecimal.
    pub fingerprint: String,
}

impl CertificateFacts {
    /// Reads every certificate in a PEM file.
    ///
    /// # Errors
    /// ARG-0702, ARG-0703.
    pub fn read(path: &Path) -> Result<Vec<Self>, PkiError> {
        let certificates = read_certificates(path)?;
        certificates.iter().map(|der| Self::of(der).map_err(|e| super::damaged(path, e))).collect()
    }

    /// Reads one certificate.
    pub(super) fn of(der: &[u8]) -> Result<Self, String> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).map_err(|e| e.to_string())?;
        let mut facts = Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: certificate.raw_serial_as_string(),
            not_before: certificate.validity().not_before.to_datetime(),
            not_after: certificate.validity().not_after.to_datetime(),
            is_authority: certificate.is_ca(),
            dns: Vec::new(),
            ips: Vec::new(),
            uris: Vec::new(),
            fingerprint: hex(&Sha256::digest(der)),
        };
        facts.read_names(&certificate)?;
        Ok(facts)
    }

    fn read_names(&mut self, certificate: &X509Certificate<'_>) -> Result<(), String> {
        let names = certificate.subject_alternative_name().map_err(|e| e.to_string())?;
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::DNSName(dns) => self.dns.push((*dns).to_owned()),
                GeneralName::URI(uri) => self.uris.push((*uri).to_owned()),
                GeneralName::IPAddress(bytes) => self.ips.extend(address(bytes)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Who it makes its holder.
    fn identity(&self) -> String {
        match Identity::from_uris(self.uris.iter().map(String::as_str)) {
            Ok(identity) => identity.to_string(),
            Err(_) if self.is_authority => "(authority)".to_owned(),
            Err(why) => format!("none: {why}"),
        }
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for CertificateFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ips: Vec<_> = self.ips.iter().map(ToString::to_string).collect();
        writeln!(f, "identity     {}", self.identity())?;
        writeln!(f, "uris         {}", self.uris.join(", "))?;
        writeln!(f, "dns          {}", self.dns.join(", "))?;
        writeln!(f, "ips          {}", ips.join(", "))?;
        writeln!(f, "subject      {}", self.subject)?;
        writeln!(f, "issuer       {}", self.issuer)?;
        writeln!(f, "not before   {}", self.not_before)?;
        writeln!(f, "not after    {}", self.not_after)?;
        writeln!(f, "serial       {}", self.serial)?;
        write!(f, "sha256       {}", self.fingerprint)
    }
}
