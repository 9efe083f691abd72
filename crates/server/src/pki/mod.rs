//! A small certificate authority: enough to give every node, cluster, agent, provider and person a certificate.
//!
//! One directory holds the authority (`ca.crt`, `ca.key`) and what it issued. Keys are ECDSA P-256, are written for their
//! owner alone, and are never printed or logged. Beside it lies the authority for agents, which nodes sign with (`agents-ca.crt`,
//! `agents-ca.key`). An installation with an authority of its own does not need this
//! module: `tls` only asks that a certificate carries one identity and comes from the configured CA.

mod agents;
mod authority;
mod facts;
mod files;
mod leaf;
mod request;

pub use agents::AgentsAuthority;
pub(crate) use agents::refuse_unfit;
pub use authority::Authority;
pub use facts::CertificateFacts;
pub use files::write_private;
pub(crate) use files::{read_certificates, read_key};
pub use leaf::{Leaf, LeafPaths, LeafRequest, Validity};
pub use request::{BadRequest, SigningRequest};

use std::io;
use std::path::PathBuf;

/// What can go wrong with certificates and their files.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// An authority must not be replaced by accident: everything it issued would be refused from then on.
    #[error("ARG-0701: {0} exists already; use the authority that is there, or another directory")]
    AuthorityExists(PathBuf),
    /// A file cannot be read or written.
    #[error("ARG-0702: {path}: {error}; check that the path is right and that this user may use it")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file does not hold what it should, or certificate and key do not belong together.
    #[error("ARG-0703: {path}: {reason}; restore the file, or issue the certificate again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A private key that anybody on the machine may read.
    #[error(
        "ARG-0708: {0} may be read by everybody; run `chmod o-rwx` on it, and issue the certificate again if the machine is shared"
    )]
    KeyExposed(PathBuf),
    /// A certificate that is there already.
    #[error("ARG-0709: {0} exists already; renew it with `argosy pki renew`, or remove it first")]
    LeafExists(PathBuf),
    /// An agents' authority that would be dangerous or useless.
    #[error("ARG-0725: {path}: {reason}; make an authority for agents alone with `argosy pki agents`")]
    UnfitAuthority {
        /// The certificate.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A request for a certificate that the authority cannot meet.
    #[error("ARG-0710: {0}; correct the request")]
    BadRequest(String),
}

pub(crate) fn file_error(path: &std::path::Path) -> impl FnOnce(io::Error) -> PkiError {
    let path = path.to_path_buf();
    move |error| PkiError::File { path, error }
}

pub(crate) fn damaged(path: &std::path::Path, reason: impl std::fmt::Display) -> PkiError {
    PkiError::Damaged { path: path.to_path_buf(), reason: reason.to_string() }
}
