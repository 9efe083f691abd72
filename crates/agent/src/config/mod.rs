//! The agent's configuration: one YAML file, read strictly, every problem reported at once with its line and column.
//!
//! `keys` declares what there is, with its default and its meaning; the reader takes both from there, and so does the
//! reference page (docs/reference/agent.md), so that none can differ from the others.

mod keys;
mod read;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::Script;
use crate::gpu::Expected;
use crate::identity::TokenSource;
use crate::watch::Thresholds;

pub use keys::reference;

/// A configuration that keeps every rule. Paths are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Nodes to connect to, host:port.
    pub servers: Vec<String>,
    /// As in the certificate.
    pub agent_id: String,
    /// The agent's certificate; without it and without `join`: plaintext on loopback.
    pub tls: Option<Tls>,
    /// How the agent gets a certificate by itself.
    pub join: Option<Join>,
    /// The shard to ask first; empty for any.
    pub shard: String,
    /// The host's reference at its provider; empty for what the firmware says.
    pub instance_id: String,
    /// Where the journal lies.
    pub state_dir: PathBuf,
    /// Between two looks at the GPUs.
    pub sample_interval: Duration,
    /// Between two signs of life.
    pub heartbeat_interval: Duration,
    /// How long the driver may take for one look.
    pub driver_timeout: Duration,
    /// Of the journal, bytes.
    pub journal_limit: usize,
    /// How many GPUs there should be.
    pub expected: Expected,
    /// NVIDIA's library; `None` for the system's.
    pub library: Option<PathBuf>,
    /// Whether to wait for XIDs in the driver too.
    pub nvml_events: bool,
    /// The kernel's log; `None` to leave it alone.
    pub kernel_log: Option<PathBuf>,
    /// From where on a number is news.
    pub thresholds: Thresholds,
    /// What may be run here, by the name of the command.
    pub commands: BTreeMap<&'static str, Script>,
    /// `text` or `json`.
    pub log_format: String,
    /// What is logged.
    pub log_filter: String,
}

/// Files of the agent's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority of the installation.
    pub ca: PathBuf,
}

/// How the agent gets a certificate by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Where nodes take tokens, host:port.
    pub addresses: Vec<String>,
    /// The token.
    pub token: TokenSource,
    /// How the installation is known.
    pub trust: Trust,
    /// Where key and certificate lie.
    pub folder: PathBuf,
}

/// How the installation is known to a machine that joins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// By the file of its authority.
    Authority(PathBuf),
    /// By that authority's fingerprint: 64 digits of base 16.
    Fingerprint(String),
}

/// One thing that is wrong, at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Counted from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
    /// What is wrong, its code first, and what to do.
    pub message: String,
}

/// All that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Report {
    path: PathBuf,
    /// In the order of the file.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{}:{}:{}: {}", self.path.display(), problem.line, problem.column, problem.message)?;
        }
        write!(f, "{} errors", self.problems.len())
    }
}

/// Reads a file. Relative paths in it are taken from its own folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Config, Report> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let result = match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, folder),
        Err(error) => {
            Err(vec![Problem { line: 0, column: 0, message: format!("ARG-1120: the file cannot be read: {error}") }])
        }
    };
    result.map_err(|mut problems| {
        problems.sort();
        Report { path: path.to_path_buf(), problems }
    })
}

/// Reads the text of a file that lies in `folder`.
///
/// # Errors
/// Everything that is wrong with it, in no order.
pub fn parse(text: &str, folder: &Path) -> Result<Config, Vec<Problem>> {
    let root = yaml::read(text).map_err(|problem| vec![problem])?;
    read::config(&root, folder)
}
