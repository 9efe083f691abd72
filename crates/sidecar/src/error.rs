//! Why a sidecar cannot run.

use thiserror::Error;

/// Why a sidecar cannot run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SidecarError {
    /// The book cannot be kept.
    #[error("ARG-0515: the sidecar's book: {0}; it answers nothing that it cannot write down first")]
    Store(String),
    /// The backend does not say what exists.
    #[error("ARG-0516: the first inventory cannot be had: {0}")]
    Inventory(String),
    /// The configuration is not in the form of one.
    #[error("ARG-0517: {file}: {reason}; docs/reference/sidecars.md has every key")]
    Form {
        /// What the file is called.
        file: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// The key of an API cannot be had.
    #[error("ARG-0519: the API key: {0}")]
    Key(String),
    /// Values in the configuration make no sense.
    #[error("ARG-0518: {file}: {}", faults.join("; "))]
    Values {
        /// What the file is called.
        file: String,
        /// All of them, each with its key.
        faults: Vec<String>,
    },
}
