//! The configuration of `argosy provider exec`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::bootstrap::BootstrapConfig;
use crate::config::{Faults, SidecarConfig, Span, Versioned, beside, read};
use crate::error::SidecarError;

const MAX_OUTPUT_BYTES: usize = 64 * 1024 * 1024;

/// The configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecConfig {
    /// The version of the format: 1.
    pub version: u32,
    /// What all sidecars have in common.
    pub sidecar: SidecarConfig,
    /// Most that a script may say.
    #[serde(default = "output_bytes")]
    pub output_bytes: usize,
    /// Most of a script's standard error that goes into the log.
    #[serde(default = "log_bytes")]
    pub log_bytes: usize,
    /// The environment of scripts; they inherit nothing.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The commands.
    pub verbs: Verbs,
    /// Commands that make hosts ready, over SSH.
    #[serde(default)]
    pub bootstrap: Option<BootstrapConfig>,
    /// Where scripts run: the folder of the configuration.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// A command for each verb.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verbs {
    /// What exists.
    pub list: Verb,
    /// A slot becomes a host.
    pub create: Verb,
    /// A host joins a cluster.
    pub configure: Verb,
    /// A host leaves its cluster.
    pub drain: Verb,
    /// A host is given back; left out where that cannot be done.
    #[serde(default)]
    pub delete: Option<Verb>,
    /// What became of a transition.
    pub status: Verb,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verb {
    /// Program and arguments. A program with a slash that does not begin with one lies beside the configuration.
    pub command: Vec<String>,
    /// When it is ended.
    pub timeout: Span,
}

fn output_bytes() -> usize {
    8 * 1024 * 1024
}

fn log_bytes() -> usize {
    64 * 1024
}

impl Versioned for ExecConfig {
    fn version(&self) -> u32 {
        self.version
    }
}

impl ExecConfig {
    /// Reads a configuration; `file` is where it lies, and what messages call it.
    ///
    /// # Errors
    /// ARG-0517 with line and column, or ARG-0518 with every value that makes no sense.
    pub fn parse(file: &Path, text: &str) -> Result<Self, SidecarError> {
        let mut config: Self = read(file, text)?;
        let mut faults = Faults::default();
        config.folder = beside(file, Path::new("."));
        config.sidecar.find_faults(file, &mut faults);
        if let Some(bootstrap) = &mut config.bootstrap {
            bootstrap.find_faults(file, &mut faults);
            let returned = bootstrap.after_create.is_empty() || config.verbs.delete.is_some();
            let what = "a host that does not get ready could not be given back: set `verbs.delete`";
            faults.check(returned, "bootstrap.after_create", what);
        }
        let output = (1..=MAX_OUTPUT_BYTES).contains(&config.output_bytes);
        faults.check(output, "output_bytes", "it lies between 1 byte and 64 MiB");
        for (name, verb) in config.verbs.all() {
            let path = |key: &str| format!("verbs.{name}.{key}");
            let runs = verb.command.first().is_some_and(|program| !program.is_empty());
            faults.check(runs, &path("command"), "there is no program to run");
            faults.check(!verb.timeout.0.is_zero(), &path("timeout"), "it would be ended at once");
            if let Some(program) = verb.command.first_mut()
                && program.contains('/')
            {
                *program = beside(file, Path::new(program)).display().to_string();
            }
        }
        faults.done(file)?;
        Ok(config)
    }
}

impl Verbs {
    fn all(&mut self) -> impl Iterator<Item = (&'static str, &mut Verb)> {
        let always = [
            ("list", &mut self.list),
            ("create", &mut self.create),
            ("configure", &mut self.configure),
            ("drain", &mut self.drain),
            ("status", &mut self.status),
        ];
        always.into_iter().chain(self.delete.as_mut().map(|verb| ("delete", verb)))
    }
}
