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
    /// A file of a run directory cannot be written.
    #[error("ARG-1333: cannot write {}: {source}. Give a folder that you may write to", .path.display())]
    Unwritable {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no report to compare.
    #[error("ARG-1334: {} is no report of a run: {why}. Give a run directory, or its report.json", .path.display())]
    NoReport {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
}
