//! Certificates for the tests: an authority in a temporary directory and what it issued.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use argosy_server::authz::Principal;
use argosy_server::config::TlsFiles;
use argosy_server::pki::{Authority, LeafPaths, LeafRequest, Validity};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

pub(crate) struct Pki {
    pub(crate) dir: TempDir,
    pub(crate) authority: Authority,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let authority = Authority::create(dir.path(), "test").expect("a fresh directory takes an authority");
        Self { dir, authority }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn request(short: &str) -> LeafRequest {
        LeafRequest {
            principal: principal(short),
            dns: vec!["localhost".to_owned()],
            ips: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            validity: Validity::days(1).expect("one day"),
        }
    }

    /// A certificate for `short`, valid now.
    pub(crate) fn leaf(&self, short: &str) -> TlsFiles {
        self.leaf_of(&Self::request(short))
    }

    pub(crate) fn leaf_of(&self, request: &LeafRequest) -> TlsFiles {
        let paths = LeafPaths::of(self.path(), &request.principal);
        self.authority.issue(request).expect("issued").store(&paths).expect("stored");
        TlsFiles { cert: paths.certificate, key: paths.key, ca: self.authority.certificate_path().to_path_buf() }
    }

    /// A certificate of this authority with exactly these URIs: the library itself would never issue it.
    pub(crate) fn leaf_with_uris(&self, stem: &str, uris: &[&str]) -> TlsFiles {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params =
            rcgen::CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        for uri in uris {
            params.subject_alt_names.push(rcgen::SanType::URI((*uri).try_into().expect("ASCII")));
        }
        let ca_pem = std::fs::read_to_string(self.path().join("ca.crt")).expect("readable");
        let ca_key = std::fs::read_to_string(self.path().join("ca.key")).expect("readable");
        let ca_key = rcgen::KeyPair::from_pem(&ca_key).expect("a key");
        let issuer = rcgen::Issuer::from_ca_cert_pem(&ca_pem, ca_key).expect("an authority");
        let certificate = params.signed_by(&key, &issuer).expect("signed");
        let (cert, key_path) = (self.path().join(format!("{stem}.crt")), self.path().join(format!("{stem}.key")));
        std::fs::write(&cert, certificate.pem()).expect("written");
        argosy_server::pki::write_private(&key_path, &key.serialize_pem()).expect("written");
        TlsFiles { cert, key: key_path, ca: self.authority.certificate_path().to_path_buf() }
    }
}

pub(crate) fn principal(short: &str) -> Principal {
    Principal::from_short(short).expect("well-formed")
}

/// A validity that ended an hour ago.
pub(crate) fn expired() -> Validity {
    let now = OffsetDateTime::now_utc();
    Validity { from: now - Duration::days(2), until: now - Duration::hours(1) }
}
