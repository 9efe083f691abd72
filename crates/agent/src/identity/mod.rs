//! An identity that the agent gets and keeps by itself: a key that never leaves the machine, a certificate for it against a join
//! token, and a fresh certificate before that one is over.
//!
//! The key is made once and is on disk before anybody hears of it, so that a machine that asks again, after a lost answer or a crash,
//! asks with the same key and uses its token once. Only the certificate is ever replaced, one file in one step: whoever reads the two finds
//! a pair. The network is a seam ([`Dial`](crate::uplink::Dial)); whom a token lets in is the installation's affair.

mod folder;
mod join;
mod renew;
mod term;
mod token;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use folder::{Files, Folder};
pub use join::obtain;
pub use renew::keep;
pub use term::Term;
pub use token::{Secret, TokenSource};

/// Whose identity is asked for, and with what.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The name that is to stand in the certificate.
    pub agent_id: String,
    /// The token.
    pub token: TokenSource,
}

/// Why an agent has no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The server is not one of the installation. The words are those of the handshake.
    #[error("{0}")]
    OtherAuthority(String),
    /// A node looked at the token, or the name, and said no.
    #[error("ARG-1125: the installation does not let this agent in: {0}")]
    Refused(String),
    /// A certificate that does not hold by this machine's clock.
    #[error(
        "ARG-1127: the certificate holds from {from} to {until} (seconds since 1970), and this machine's clock says {here} while the \
         node's said {there}; set the clock"
    )]
    Clock {
        /// Its first second.
        from: i64,
        /// Its last.
        until: i64,
        /// This machine's clock.
        here: i64,
        /// The node's.
        there: i64,
    },
    /// The token cannot be read.
    #[error("ARG-1130: {path}: {reason}; put a join token there that the agent's user may read")]
    Token {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of the identity cannot be used.
    #[error(
        "ARG-1128: {path}: {reason}; see to it that the agent's user may write there, or empty the folder and join again"
    )]
    Folder {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl IdentityError {
    fn folder(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Folder { path: path.to_path_buf(), reason: reason.to_string() }
    }
}

/// This machine's wall clock, seconds since 1970: certificates go by the calendar.
fn unix_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Every message in the chain of a failed call's causes: why a handshake failed stands at its end.
fn causes(status: &tonic::Status) -> String {
    let mut said = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}
