//! The `bootstrap` section of a sidecar's configuration.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::remote::try_client;
use crate::config::{Faults, MAX_CONCURRENCY, Span, beside};
use crate::template::Template;

/// What a command may name, beside what `values` adds.
const NAMES: [&str; 8] = ["provider", "machine", "instance_type", "zone", "host", "address", "cluster", "key"];

/// Why a path cannot be given to OpenSSH's client.
const NO_VARIABLE: &str = "OpenSSH takes `${` for the beginning of a variable";

/// How hosts are made ready over SSH.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapConfig {
    /// As whom.
    pub user: String,
    /// Through which port.
    #[serde(default = "port")]
    pub port: u16,
    /// The private key.
    pub identity_file: PathBuf,
    /// Host keys that are known. Without it, hosts are known by the keys that their site gives.
    #[serde(default)]
    pub known_hosts: Option<PathBuf>,
    /// OpenSSH's client.
    #[serde(default = "program")]
    pub ssh: String,
    /// Most hosts that are made ready at a time.
    #[serde(default = "concurrency")]
    pub concurrency: usize,
    /// How long one connection may take.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Span,
    /// How long a new host may take until it answers.
    #[serde(default = "reachable_within")]
    pub reachable_within: Span,
    /// Run in turn on a new host, before it counts as one.
    #[serde(default)]
    pub after_create: Vec<StepConfig>,
    /// Run in turn when a host joins a cluster. When there are any, the user data is theirs.
    #[serde(default)]
    pub configure: Vec<StepConfig>,
    /// Run in turn when a host leaves its cluster.
    #[serde(default)]
    pub drain: Vec<StepConfig>,
    /// More names for commands.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Most of one log.
    #[serde(default = "log_bytes")]
    pub log_bytes: usize,
    /// How many logs of a machine are kept.
    #[serde(default = "logs_kept")]
    pub logs_kept: usize,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// For the shell of the host. It may be run again after a crash, so it must bear that.
    pub run: String,
    /// What it reads.
    #[serde(default)]
    pub stdin: Stdin,
    /// When it is ended.
    pub timeout: Span,
}

/// What a command reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdin {
    /// Nothing.
    #[default]
    Nothing,
    /// The node's user data.
    UserData,
}

/// A command with its places.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) run: Template,
    pub(super) stdin: Stdin,
    pub(super) limit: std::time::Duration,
}

fn port() -> u16 {
    22
}

fn program() -> String {
    "ssh".to_owned()
}

fn concurrency() -> usize {
    32
}

fn connect_timeout() -> Span {
    Span::seconds(10)
}

fn reachable_within() -> Span {
    Span::seconds(600)
}

fn log_bytes() -> usize {
    1024 * 1024
}

fn logs_kept() -> usize {
    20
}

impl BootstrapConfig {
    pub(crate) fn find_faults(&mut self, file: &Path, faults: &mut Faults) {
        self.identity_file = beside(file, &self.identity_file);
        self.known_hosts = self.known_hosts.take().map(|path| beside(file, &path));
        let user = !self.user.is_empty() && !self.user.starts_with('-') && !self.user.contains(['@', ' ']);
        faults.check(user, "bootstrap.user", "it is no name of a user");
        faults.check(!self.ssh.is_empty(), "bootstrap.ssh", "there is no program to run");
        let concurrency = (1..=MAX_CONCURRENCY).contains(&self.concurrency);
        faults.check(concurrency, "bootstrap.concurrency", "it lies between 1 and 1,024");
        faults.check(self.logs_kept > 0, "bootstrap.logs_kept", "no log would be kept");
        for (name, steps) in
            [("after_create", &self.after_create), ("configure", &self.configure), ("drain", &self.drain)]
        {
            for (n, step) in steps.iter().enumerate() {
                let path = format!("bootstrap.{name}[{n}]");
                faults.check(!step.timeout.0.is_zero(), &path, "it would be ended at once");
                if let Err(flaw) = self.template(&step.run) {
                    faults.check(false, &path, &flaw);
                }
            }
        }
    }

    /// What of it does not hold on this machine. Found before anything is bought: later it would look like a host that does not answer, and
    /// cost one each time.
    pub(super) fn check_here(&self, data_dir: &Path, faults: &mut Faults) {
        faults.check(expressible(data_dir), "sidecar.data_dir", NO_VARIABLE);
        let files = [
            ("bootstrap.identity_file", Some(&self.identity_file)),
            ("bootstrap.known_hosts", self.known_hosts.as_ref()),
        ];
        for (key, path) in files {
            let Some(path) = path else { continue };
            faults.check(expressible(path), key, NO_VARIABLE);
            if let Err(error) = File::open(path) {
                faults.check(false, key, &format!("{}: {error}", path.display()));
            }
        }
        if let Err(why) = try_client(&self.ssh) {
            faults.check(false, "bootstrap.ssh", &why);
        }
    }

    fn template(&self, text: &str) -> Result<Template, String> {
        Template::parse(text, &NAMES, &self.values)
    }

    pub(super) fn steps(&self, steps: &[StepConfig]) -> Result<Vec<Step>, String> {
        let read =
            |step: &StepConfig| Ok(Step { run: self.template(&step.run)?, stdin: step.stdin, limit: step.timeout.0 });
        steps.iter().map(read).collect()
    }
}

/// Whether a path can be written down as the value of an option of OpenSSH's: all but this can be escaped.
fn expressible(path: &Path) -> bool {
    !path.to_string_lossy().contains("${")
}
