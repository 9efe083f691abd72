//! Why plays cannot be run, in words that say what to do.

use std::io;

use argosy_localfleet::FleetError;
use thiserror::Error;

/// Plays on real hosts could not be run.
#[derive(Debug, Error)]
pub enum HostsError {
    /// The caller may not make namespaces.
    #[error("ARG-0960: plays on real hosts need root, to make network namespaces; run this as root")]
    NeedsRoot,
    /// A program of the system is missing or fails.
    #[error("ARG-0961: cannot run '{program}': {source}; `scripts/setup.sh hosts` installs what plays need")]
    Tool {
        /// The program.
        program: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The network could not be laid.
    #[error("ARG-0962: cannot {what}: {why}")]
    Network {
        /// What was tried.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// The fleet.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The workload.
    #[error(transparent)]
    Workload(#[from] argosy_workload::catalogue::CatalogueError),
}

impl HostsError {
    /// The network could not be laid.
    pub(crate) fn network(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Network { what, why: why.to_string() }
    }
}
