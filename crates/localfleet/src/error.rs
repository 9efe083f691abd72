//! What can go wrong with a local fleet, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A local fleet that cannot be made, started or reached.
#[derive(Debug, Error)]
pub enum FleetError {
    /// The sizing makes no fleet.
    #[error("ARG-0801: {what}")]
    Sizing {
        /// What is wrong.
        what: &'static str,
    },
    /// The directory holds a fleet of another sizing.
    #[error("ARG-0802: {} describes a fleet that was made with other options; start it with those, or give another --dir", path.display())]
    OtherFleet {
        /// The blueprint.
        path: PathBuf,
    },
    /// The blueprint cannot be read.
    #[error("ARG-0803: {} is no blueprint of a fleet ({what}); restore it, or give another --dir", path.display())]
    BadBlueprint {
        /// The blueprint.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// No ports to be had.
    #[error("ARG-0804: no free loopback ports: {0}")]
    Ports(#[source] io::Error),
    /// A file could not be handled.
    #[error("ARG-0805: cannot {verb} {}: {source}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A process could not be started.
    #[error("ARG-0806: cannot start {name}: {source}")]
    Spawn {
        /// The process.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// A process ended that should have gone on.
    #[error("ARG-0807: {name} ended ({status}); the end of its log {} says:\n{tail}", log.display())]
    Died {
        /// The process.
        name: String,
        /// How.
        status: String,
        /// Where it logged.
        log: PathBuf,
        /// The last lines there.
        tail: String,
    },
    /// Something that should come up did not in time.
    #[error("ARG-0808: {what} did not come within {seconds} s; the logs are in {}", logs.display())]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// Where the processes log.
        logs: PathBuf,
    },
    /// Certificates could not be made or read.
    #[error("ARG-0809: certificates: {0}")]
    Certificates(String),
    /// A node or the provider cannot be reached.
    #[error("ARG-0810: {name} cannot be reached: {what}")]
    Unreachable {
        /// Who.
        name: String,
        /// Why not.
        what: String,
    },
}

impl FleetError {
    /// A file error with its place.
    pub fn io(verb: &'static str, path: &Path, source: &io::Error) -> Self {
        Self::Io { verb, path: path.to_owned(), source: io::Error::new(source.kind(), source.to_string()) }
    }
}
