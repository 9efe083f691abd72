//! Sinks: who is told, what, and how patiently.

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::{Duration, State};
use argosy_pool::{Span, address};
use http::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::topic::Topic;
use crate::transition::{Transition, What};

/// Longest name of a sink, of a secret, of a URL.
const MAX_NAME: usize = 63;
const MAX_URL: usize = 2_048;
/// Most headers of a sink, of each kind.
const MAX_HEADERS: usize = 16;
/// Headers that are ours to set.
const RESERVED: [&str; 7] =
    ["content-type", "content-length", "host", "webhook-id", "webhook-timestamp", "webhook-signature", "user-agent"];

/// How a sink's messages look. Append-only: it lies in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Our own: every topic, typed.
    #[default]
    Argosy,
    /// Navarch's: cordon, uncordon and drain, each at a URL of its own.
    Navarch,
}

impl Format {
    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Argosy => "argosy",
            Self::Navarch => "navarch",
        }
    }
}

/// Who is told. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sink {
    /// Its name, unique in the shard.
    pub name: String,
    /// How its messages look.
    pub format: Format,
    /// Where they go, in the format `argosy`.
    pub url: String,
    /// Where the format `navarch` sends cordons; left out, nowhere.
    pub cordon_url: String,
    /// The same for uncordons.
    pub uncordon_url: String,
    /// The same for drains.
    pub drain_url: String,
    /// Where it is asked whether a machine of a pool is drained; left out, nobody is asked.
    pub drain_status_url: String,
    /// After this time the machine is drained whatever the answer.
    pub drain_within: Span,
    /// How often it is asked.
    pub poll_every: Span,
    /// The file with the key that messages are signed with, in the folder of secrets of every node; left out, they are not signed.
    pub secret: Option<String>,
    /// Headers of every request.
    pub headers: BTreeMap<String, String>,
    /// Headers whose values are the contents of files in the folder of secrets.
    pub secret_headers: BTreeMap<String, String>,
    /// What it is told: topics, `machine.*` and the like, or `*`.
    pub events: Vec<String>,
    /// Only what concerns these pools; left out, everything.
    pub pools: Vec<String>,
    /// How long a request may take.
    pub timeout: Span,
    /// How often a receiver may turn a message down before it is given up. One that cannot be reached turns nothing down.
    pub attempts: u32,
    /// Requests under way at once, each about another machine.
    pub at_once: u32,
    /// Whether plain HTTP may leave this machine.
    pub allow_plain_http: bool,
    /// A file in the folder of secrets with the certificate authorities that the receiver's certificate must come from.
    pub authorities: Option<String>,
}

impl Default for Sink {
    fn default() -> Self {
        Self {
            name: String::new(),
            format: Format::Argosy,
            url: String::new(),
            cordon_url: String::new(),
            uncordon_url: String::new(),
            drain_url: String::new(),
            drain_status_url: String::new(),
            drain_within: Span::minutes(10),
            poll_every: Span(Duration::from_secs(5)),
            secret: None,
            headers: BTreeMap::new(),
            secret_headers: BTreeMap::new(),
            events: vec!["*".to_owned()],
            pools: Vec::new(),
            timeout: Span(Duration::from_secs(10)),
            attempts: 20,
            at_once: 8,
            allow_plain_http: false,
            authorities: None,
        }
    }
}

/// A value that makes no sense, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sink '{sink}', `{key}`: {what}")]
pub struct Fault {
    /// The sink.
    pub sink: String,
    /// The key.
    pub key: &'static str,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl Sink {
    /// Whether it is to be told of a transition.
    #[must_use]
    pub fn wants(&self, transition: &Transition) -> bool {
        let topic = transition.topic();
        let chosen = self.events.iter().any(|pattern| topic.is_meant(pattern));
        let of_pool = self.pools.is_empty()
            || transition.pool().is_some_and(|pool| self.pools.iter().any(|chosen| chosen == pool));
        chosen && of_pool && self.url_for(transition).is_some()
    }

    /// Where a transition is told; `None` if its format has no words for it.
    #[must_use]
    pub fn url_for(&self, transition: &Transition) -> Option<&str> {
        let url = match (self.format, &transition.what) {
            (Format::Argosy, _) => &self.url,
            (Format::Navarch, What::Cordon { on: true, .. }) => &self.cordon_url,
            (Format::Navarch, What::Cordon { on: false, .. }) => &self.uncordon_url,
            (Format::Navarch, What::State { to: State::Draining, .. }) => &self.drain_url,
            (Format::Navarch, _) => return None,
        };
        (!url.is_empty()).then_some(url.as_str())
    }

    /// Whether it is asked before a machine of a pool is drained at its provider.
    #[must_use]
    pub fn is_asked_of(&self, pool: &str) -> bool {
        let of_pool = self.pools.is_empty() || self.pools.iter().any(|chosen| chosen == pool);
        of_pool && !self.drain_status_url.is_empty()
    }

    /// Everything in it that makes no sense.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults { sink: &self.name, found: Vec::new() };
        faults.check(is_name(&self.name), "name", "1 to 63 letters, digits, '-' or '_'");
        self.urls().into_iter().for_each(|(key, url, wanted)| faults.url(key, url, wanted, self.allow_plain_http));
        let unknown = |pattern: &&String| !Topic::ALL.into_iter().any(|topic| topic.is_meant(pattern));
        if let Some(pattern) = self.events.iter().find(unknown) {
            faults.note("events", format!("{pattern:?} means no topic; docs/reference/notify.md lists them"));
        }
        let files = [("secret", &self.secret), ("authorities", &self.authorities)];
        for (key, file) in files {
            faults.check(file.as_deref().is_none_or(is_name), key, "the name of a file, without a path or a dot");
        }
        faults.check(self.secret_headers.values().all(|file| is_name(file)), "secret_headers", "names of files");
        faults.headers("headers", &self.headers);
        faults.headers("secret_headers", &self.secret_headers);
        let within = |span: Span, least: u64, most: u64| (least..=most).contains(&span.0.0);
        faults.check(within(self.timeout, 100, 60_000), "timeout", "from 100ms to 1m");
        faults.check(within(self.poll_every, 100, 600_000), "poll_every", "from 100ms to 10m");
        faults.check(within(self.drain_within, 0, 86_400_000), "drain_within", "at most 24h");
        faults.check((1..=1_000).contains(&self.attempts), "attempts", "from 1 to 1000");
        faults.check((1..=64).contains(&self.at_once), "at_once", "from 1 to 64");
        faults.found
    }

    /// What it allows that its author may not have meant.
    #[must_use]
    pub fn warnings(&self) -> Vec<Fault> {
        let mut faults = Faults { sink: &self.name, found: Vec::new() };
        let signed = self.secret.is_some();
        faults.check(signed, "secret", "messages are not signed: the receiver cannot tell who sent them");
        faults.check(!self.allow_plain_http, "allow_plain_http", "anybody on the way can read the messages");
        let asks_without_telling = self.drain_url.is_empty() && !self.drain_status_url.is_empty();
        faults.check(!asks_without_telling, "drain_url", "it is asked about drains, and never told of one");
        faults.check(!self.events.is_empty(), "events", "nothing is chosen");
        faults.found
    }

    /// Every URL with its key, and whether the format has a use for it.
    fn urls(&self) -> [(&'static str, &str, Use); 5] {
        let (ours, theirs) = match self.format {
            Format::Argosy => (Use::Required, Use::None),
            Format::Navarch => (Use::None, Use::Optional),
        };
        [
            ("url", &self.url, ours),
            ("cordon_url", &self.cordon_url, theirs),
            ("uncordon_url", &self.uncordon_url, theirs),
            ("drain_url", &self.drain_url, theirs),
            ("drain_status_url", &self.drain_status_url, theirs),
        ]
    }
}

/// Whether a format uses a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Required,
    Optional,
    None,
}

struct Faults<'a> {
    sink: &'a str,
    found: Vec<Fault>,
}

impl Faults<'_> {
    fn note(&mut self, key: &'static str, what: String) {
        self.found.push(Fault { sink: self.sink.to_owned(), key, what });
    }

    fn check(&mut self, holds: bool, key: &'static str, what: &str) {
        if !holds {
            self.note(key, what.to_owned());
        }
    }

    fn url(&mut self, key: &'static str, url: &str, wanted: Use, plain: bool) {
        match (url.is_empty(), wanted) {
            (true, Use::Required) => self.note(key, "missing: where messages go".to_owned()),
            (false, Use::None) => self.note(key, "the format of this sink has no use for it".to_owned()),
            (false, _) => {
                if let Err(what) = judged(url, plain) {
                    self.note(key, what.to_owned());
                }
            }
            (true, _) => {}
        }
    }

    fn headers(&mut self, key: &'static str, headers: &BTreeMap<String, String>) {
        let name = |name: &String| name.parse::<HeaderName>().is_ok_and(|name| !RESERVED.contains(&name.as_str()));
        let sound = headers.iter().all(|(header, value)| name(header) && HeaderValue::from_str(value).is_ok());
        self.check(sound, key, "a name or value that no header has, or a header that is set by us");
        self.check(headers.len() <= MAX_HEADERS, key, "at most 16");
    }
}

/// Whether a URL can be a receiver's.
fn judged(url: &str, plain: bool) -> Result<(), &'static str> {
    let address = address(url, plain)?;
    if url.len() > MAX_URL || address.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("longer than 2048 bytes, or with a user in it; put credentials into secret_headers");
    }
    Ok(())
}

/// Whether a name can be a file's in a folder, and nothing else.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

/// Names that occur more than once.
pub(crate) fn repeated(sinks: &[Sink]) -> Vec<Fault> {
    let mut seen = BTreeSet::new();
    let again = sinks.iter().filter(|sink| !seen.insert(&sink.name));
    again.map(|sink| Fault { sink: sink.name.clone(), key: "name", what: "used by another sink".to_owned() }).collect()
}
