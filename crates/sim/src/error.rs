//! What can be wrong with what a person asks of the simulator.

use std::path::PathBuf;

use thiserror::Error;

/// Why a run could not be made or compared.
#[derive(Debug, Error)]
pub enum SimError {
    /// No run of this name.
    #[error("ARG-1301: there is no run '{name}'; `argosy-lab sim list` shows: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A golden trace cannot be read or written.
    #[error("ARG-1302: the golden trace {}: {source}; record it, or say with --golden where it lies", .path.display())]
    Golden {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
