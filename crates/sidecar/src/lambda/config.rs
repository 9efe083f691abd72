//! The configuration of `argosy provider lambda`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::bootstrap::BootstrapConfig;
use crate::config::{Faults, SidecarConfig, Span, Versioned, beside, read};
use crate::error::SidecarError;
use crate::template::Template;

/// Longest name of an instance, and what a round and the book's name add to that of its machine.
const MAX_NAME_BYTES: usize = 64;
const SUFFIX_BYTES: usize = "-99999-00000000".len();
const MAX_SLOTS: u32 = 1_000;

/// What a template may name, beside what `values` adds.
pub(super) const NAMES: [&str; 5] = ["provider", "machine", "instance_type", "region", "key"];

/// The configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LambdaConfig {
    /// The version of the format: 1.
    pub version: u32,
    /// What all sidecars have in common.
    pub sidecar: SidecarConfig,
    /// Where the API is.
    #[serde(default = "api")]
    pub api: String,
    /// The file that holds the API key and nothing else.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// The variable of the environment that holds it.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// The account's SSH key that instances are launched with.
    pub ssh_key: String,
    /// Whose instances these are, among all of the account: their names begin with it.
    pub fleet: String,
    /// What is offered.
    pub offers: Vec<LambdaOffer>,
    /// User data of instances, for cloud-init.
    #[serde(default)]
    pub user_data: String,
    /// More names for it.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Commands that make hosts ready, over SSH.
    #[serde(default)]
    pub bootstrap: Option<BootstrapConfig>,
    /// Slots in regions that show no capacity are not offered.
    #[serde(default = "believed")]
    pub believe_capacity: bool,
    /// How often the API may be called.
    #[serde(default)]
    pub pace: Pace,
    /// When a launch whose answer was lost, and that no listing shows, counts as one that never was.
    #[serde(default = "lost_after")]
    pub lost_after: Span,
    /// How long one call may take.
    #[serde(default = "call_timeout")]
    pub call_timeout: Span,
}

/// Machines of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LambdaOffer {
    /// In the names of its machines.
    pub name: String,
    /// As Lambda calls it.
    pub instance_type: String,
    /// Where.
    pub regions: Vec<String>,
    /// How many there may be in each region.
    pub slots: u32,
    /// Labels of its machines.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The least time between two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// Any two.
    pub calls: Span,
    /// Two launches.
    pub launches: Span,
}

impl Default for Pace {
    fn default() -> Self {
        // What Lambda documents as its limits.
        Self { calls: Span::seconds(1), launches: Span::seconds(12) }
    }
}

fn api() -> String {
    "https://cloud.lambda.ai/api/v1".to_owned()
}

fn believed() -> bool {
    true
}

fn lost_after() -> Span {
    Span::seconds(120)
}

fn call_timeout() -> Span {
    Span::seconds(30)
}

/// One slot: what it is called, and what it is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    pub(super) offer: &'a LambdaOffer,
    pub(super) region: &'a str,
}

impl Versioned for LambdaConfig {
    fn version(&self) -> u32 {
        self.version
    }
}

impl LambdaConfig {
    /// Reads a configuration; `file` is where it lies, and what messages call it.
    ///
    /// # Errors
    /// ARG-0517 with line and column, or ARG-0518 with every value that makes no sense.
    pub fn parse(file: &Path, text: &str) -> Result<Self, SidecarError> {
        let mut config: Self = read(file, text)?;
        let mut faults = Faults::default();
        config.sidecar.find_faults(file, &mut faults);
        if let Some(bootstrap) = &mut config.bootstrap {
            bootstrap.find_faults(file, &mut faults);
        }
        config.api_key_file = config.api_key_file.map(|path| beside(file, &path));
        let one_key = config.api_key_file.is_some() != config.api_key_env.is_some();
        faults.check(one_key, "api_key_file", "name the key's file or its variable (`api_key_env`), and not both");
        faults.check(is_name(&config.fleet), "fleet", "write lower-case letters, digits and dashes");
        faults.check(!config.offers.is_empty(), "offers", "there is nothing on offer");
        for offer in &config.offers {
            let path = |key: &str| format!("offers.{}.{key}", offer.name);
            faults.check(is_name(&offer.name), &path("name"), "write lower-case letters, digits and dashes");
            faults.check(!offer.regions.is_empty(), &path("regions"), "it is offered nowhere");
            faults.check((1..=MAX_SLOTS).contains(&offer.slots), &path("slots"), "it lies between 1 and 1,000");
        }
        let ids: Vec<String> = config.slots().map(|(id, _)| id).collect();
        let fit = ids.iter().all(|id| id.len() + SUFFIX_BYTES <= MAX_NAME_BYTES);
        faults.check(fit, "offers", "the names of machines are longer than 49 bytes: shorten `fleet` or `name`");
        let once = ids.iter().collect::<BTreeSet<_>>().len() == ids.len();
        faults.check(once, "offers", "two of them make machines of the same name");
        if let Err(flaw) = config.template() {
            faults.check(false, "user_data", &flaw);
        }
        faults.done(file)?;
        Ok(config)
    }

    pub(super) fn template(&self) -> Result<Template, String> {
        Template::parse(&self.user_data, &NAMES, &self.values)
    }

    /// Every slot with its machine's id.
    pub(super) fn slots(&self) -> impl Iterator<Item = (String, Slot<'_>)> {
        self.offers.iter().flat_map(move |offer| {
            offer.regions.iter().flat_map(move |region| {
                (0..offer.slots)
                    .map(move |n| (format!("{}-{}-{region}-{n:03}", self.fleet, offer.name), Slot { offer, region }))
            })
        })
    }

    /// The API key.
    ///
    /// # Errors
    /// ARG-0519 when it cannot be had.
    pub fn key(&self) -> Result<super::ApiKey, SidecarError> {
        let key = match (&self.api_key_file, &self.api_key_env) {
            (Some(file), _) => std::fs::read_to_string(file)
                .map_err(|error| SidecarError::Key(format!("{}: {error}", file.display())))?,
            (None, Some(name)) => std::env::var(name).map_err(|error| SidecarError::Key(format!("{name}: {error}")))?,
            (None, None) => return Err(SidecarError::Key("neither a file nor a variable is named".to_owned())),
        };
        super::ApiKey::new(key.trim())
            .ok_or_else(|| SidecarError::Key("it is empty, or no header can hold it".to_owned()))
    }
}

fn is_name(name: &str) -> bool {
    let fine = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !name.is_empty() && name.bytes().all(fine)
}
