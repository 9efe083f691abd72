//! What a certificate says of itself, and when it is time for the next one.

use std::time::Duration;

use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;

/// How far back a fresh certificate reaches: so much of it is for clocks that are behind, and is no part of its time.
const BACKDATE_S: i64 = 300;

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The first second in which it holds, since 1970.
    pub from_unix_s: i64,
    /// The last one.
    pub until_unix_s: i64,
    /// Its public key (SPKI, DER).
    pub(super) key: Vec<u8>,
    /// Its URIs: one, of an agent.
    pub(super) uris: Vec<String>,
}

impl Term {
    /// Reads the first certificate of a text in PEM; `None` when there is none.
    #[must_use]
    pub fn read(pem: &str) -> Option<Self> {
        let (_, block) = parse_x509_pem(pem.as_bytes()).ok()?;
        let certificate = block.parse_x509().ok()?;
        let names = certificate.subject_alternative_name().ok()?;
        let uris = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        });
        Some(Self {
            from_unix_s: certificate.validity().not_before.timestamp(),
            until_unix_s: certificate.validity().not_after.timestamp(),
            key: certificate.public_key().raw.to_vec(),
            uris: uris.collect(),
        })
    }

    /// Whether it holds at this moment.
    #[must_use]
    pub fn holds(&self, unix_s: i64) -> bool {
        (self.from_unix_s..=self.until_unix_s).contains(&unix_s)
    }

    /// When to ask for the next: when a third of its time is left, and up to a tenth earlier. `jitter` is from 0 to 1: agents that
    /// joined together do not come back together.
    #[must_use]
    pub fn renew_at(&self, jitter: f64) -> i64 {
        let lasts = (self.until_unix_s - self.from_unix_s - BACKDATE_S).max(1);
        let tenth = Duration::from_secs(u64::try_from(lasts / 10).unwrap_or(0));
        let early = i64::try_from(tenth.mul_f64(jitter.clamp(0.0, 1.0)).as_secs()).unwrap_or(0);
        self.until_unix_s - lasts / 3 - early
    }

    /// How long to wait before a renewal that failed is tried again: often enough that many tries fit into what is left.
    #[must_use]
    pub fn retry_after(&self, unix_s: i64) -> Duration {
        const LEAST: u64 = 1;
        const MOST: u64 = 300;
        let left = u64::try_from(self.until_unix_s - unix_s).unwrap_or(0);
        Duration::from_secs((left / 10).clamp(LEAST, MOST))
    }
}
