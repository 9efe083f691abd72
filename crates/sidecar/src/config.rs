//! What the configurations of all sidecars have in common, and how they are read: strict YAML.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::SidecarError;
use crate::{BreakerRules, Settings};

/// The version of all formats.
const VERSION: u32 = 1;
/// Most that may go on side by side.
pub(crate) const MAX_CONCURRENCY: usize = 1_024;

/// A span of time, written as `90s` or `5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The `sidecar` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SidecarConfig {
    /// The provider's name.
    pub provider: String,
    /// Where to listen.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// Where the book is kept.
    pub data_dir: PathBuf,
    /// Certificate, key and authority; without them the sidecar speaks plaintext, on loopback only.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Lets calls with the zero token pass.
    #[serde(default)]
    pub allow_unfenced: bool,
    /// Most transitions that are worked on at a time.
    #[serde(default = "concurrency")]
    pub concurrency: usize,
    /// When the inventory is asked for again.
    #[serde(default = "list_every")]
    pub list_every: Span,
    /// How long a machine whose transition failed is kept aside.
    #[serde(default = "recover_after")]
    pub recover_after: Span,
    /// After how long a transition is shown as failed although its end is not known.
    #[serde(default = "deadline")]
    pub deadline: Span,
    /// When slots are held back because Creates keep failing.
    #[serde(default)]
    pub breaker: BreakerConfig,
    /// How long work may go on when the sidecar is to stop.
    #[serde(default = "stop_grace")]
    pub stop_grace: Span,
}

/// When the slots of a region and instance type are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// After so many failed Creates in a row; 0 never.
    pub after: u32,
    /// For how long the first time; twice as long each time that the probe fails.
    pub first: Span,
    /// At most.
    pub longest: Span,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { after: 3, first: Span::seconds(60), longest: Span::seconds(30 * 60) }
    }
}

/// The files of mutual TLS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The provider's certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority that callers' certificates must come from.
    pub ca: PathBuf,
}

fn listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7770))
}

fn concurrency() -> usize {
    8
}

fn list_every() -> Span {
    Span::seconds(30)
}

fn recover_after() -> Span {
    Span::seconds(60)
}

fn deadline() -> Span {
    Span::seconds(30 * 60)
}

fn stop_grace() -> Span {
    Span::seconds(20)
}

/// Collects what makes no sense.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<String>);

impl Faults {
    pub(crate) fn check(&mut self, fine: bool, path: &str, what: &str) {
        if !fine {
            self.0.push(format!("`{path}`: {what}"));
        }
    }

    /// All of them, as one error.
    pub(crate) fn done(self, file: &Path) -> Result<(), SidecarError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(SidecarError::Values { file: file.display().to_string(), faults: self.0 })
    }
}

/// A configuration, read in two steps so that its version is looked at as well as its form.
pub(crate) trait Versioned: DeserializeOwned {
    fn version(&self) -> u32;
}

/// Reads a file's text.
///
/// # Errors
/// ARG-0517 with line and column.
pub(crate) fn read<T: Versioned>(file: &Path, text: &str) -> Result<T, SidecarError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let form = |reason: String| SidecarError::Form { file: file.display().to_string(), reason };
    let read: T = serde_saphyr::from_str_with_options(text, options).map_err(|error| form(error.to_string()))?;
    match read.version() {
        VERSION => Ok(read),
        other => Err(form(format!("it has version {other}, this release reads version {VERSION}"))),
    }
}

/// A path as a configuration writes it: what is not absolute lies beside the configuration.
pub(crate) fn beside(file: &Path, path: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).join(path)
}

impl SidecarConfig {
    pub(crate) fn find_faults(&mut self, file: &Path, faults: &mut Faults) {
        self.data_dir = beside(file, &self.data_dir);
        faults.check(!self.provider.is_empty(), "sidecar.provider", "a provider has a name");
        let open = self.tls.is_some() || self.listen.ip().is_loopback();
        faults.check(open, "sidecar.listen", "plaintext stays on loopback: set `tls`");
        let concurrency = (1..=MAX_CONCURRENCY).contains(&self.concurrency);
        faults.check(concurrency, "sidecar.concurrency", "it lies between 1 and 1,024");
        let listed = !self.list_every.0.is_zero();
        faults.check(listed, "sidecar.list_every", "the inventory would be asked for without a pause");
        let rising = self.breaker.first.0 <= self.breaker.longest.0 && !self.breaker.first.0.is_zero();
        faults.check(rising, "sidecar.breaker", "`first` is above 0 and no more than `longest`");
        faults.check(!self.deadline.0.is_zero(), "sidecar.deadline", "every transition would fail");
    }

    /// What a sidecar needs of it.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            provider: self.provider.clone(),
            data_dir: self.data_dir.clone(),
            allow_unfenced: self.allow_unfenced,
            concurrency: self.concurrency,
            list_every: self.list_every.0,
            recover_after: self.recover_after.0,
            deadline: self.deadline.0,
            breaker: BreakerRules {
                after: self.breaker.after,
                first: self.breaker.first.0,
                longest: self.breaker.longest.0,
            },
            stop_grace: self.stop_grace.0,
        }
    }
}
