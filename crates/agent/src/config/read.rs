//! From the tree to the configuration. Reading goes on after a problem, so that all of them are found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{below, find};
use super::yaml::{At, Node};
use super::{Config, Join, Problem, Tls, Trust};
use crate::commands::{KINDS, Script};
use crate::gpu::Expected;
use crate::identity::{Secret, TokenSource};
use crate::watch::Thresholds;

/// Reads values and collects problems.
struct Reader<'t> {
    root: &'t At<Node>,
    folder: &'t Path,
    problems: Vec<Problem>,
}

/// Reads the configuration.
pub(super) fn config(root: &At<Node>, folder: &Path) -> Result<Config, Vec<Problem>> {
    let mut r = Reader { root, folder, problems: Vec::new() };
    r.only_known(root, "");
    let config = Config {
        servers: r.list("servers", |text| text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())),
        agent_id: r.text("agent_id"),
        tls: r.tls(),
        join: r.join(),
        shard: r.text("shard"),
        instance_id: r.text("instance_id"),
        state_dir: r.path("state_dir").unwrap_or_default(),
        sample_interval: r.duration("sample_interval", "sample_interval"),
        heartbeat_interval: r.duration("heartbeat_interval", "heartbeat_interval"),
        driver_timeout: r.duration("driver_timeout", "driver_timeout"),
        journal_limit: r.parsed("journal_limit", "journal_limit", size).unwrap_or_default(),
        expected: r.parsed("gpus.expected", "gpus.expected", expected).unwrap_or_default(),
        library: r.library("gpus.library"),
        nvml_events: r.flag("gpus.nvml_events"),
        kernel_log: r.path("kernel_log").filter(|path| path.file_name().is_none_or(|name| name != "none")),
        thresholds: r.thresholds(),
        commands: r.commands(),
        log_format: r
            .parsed("log.format", "log.format", |t| matches!(t, "text" | "json").then(|| t.to_owned()))
            .unwrap_or_default(),
        log_filter: r.text("log.filter"),
    };
    r.across(&config);
    if r.problems.is_empty() { Ok(config) } else { Err(r.problems) }
}

impl<'t> Reader<'t> {
    /// The value at a path.
    fn at(&self, path: &str) -> Option<&'t At<Node>> {
        let mut node = self.root;
        for part in path.split('.') {
            let Node::Table(entries) = &node.value else { return None };
            node = &entries.iter().rev().find(|(name, _)| name.value == part)?.1;
        }
        Some(node)
    }

    fn wrong(&mut self, at: &At<Node>, path: &str, takes: &str) {
        self.problems.push(at.problem(format!("ARG-1122: `{path}` takes {takes}")));
    }

    /// Complains about keys that there are not, and about those that stand there twice.
    fn only_known(&mut self, node: &At<Node>, table: &str) {
        let Node::Table(entries) = &node.value else {
            let whole = if table.is_empty() { "the file" } else { table };
            self.problems.push(node.problem(format!("ARG-1122: {whole} takes a table of keys")));
            return;
        };
        let known: Vec<&str> = match table {
            "commands" => KINDS.iter().map(|(name, _)| *name).collect(),
            _ if table.starts_with("commands.") => below("commands.NAME"),
            _ => below(table),
        };
        for (at, (name, value)) in entries.iter().enumerate() {
            let path = if table.is_empty() { name.value.clone() } else { format!("{table}.{}", name.value) };
            if !known.contains(&name.value.as_str()) {
                let known = known.join(", ");
                self.problems.push(name.problem(format!("ARG-1121: there is no key `{path}`; there are {known}")));
            } else if entries[..at].iter().any(|(before, _)| before.value == name.value) {
                self.problems.push(name.problem(format!("ARG-1121: `{path}` stands here twice; remove one")));
            } else if find(&path).is_none() && !path.ends_with(".exec") && !path.ends_with(".timeout") {
                self.only_known(value, &path);
            }
        }
    }

    /// A scalar through `parse`; the default of `declared` where it is left out.
    fn parsed<T>(&mut self, path: &str, declared: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let key = find(declared)?;
        match (self.at(path), key.default) {
            (Some(at), _) => {
                let value = match &at.value {
                    Node::Scalar(text) => parse(text),
                    _ => None,
                };
                if value.is_none() {
                    self.wrong(at, path, key.takes);
                }
                value
            }
            (None, Some(default)) => parse(default),
            (None, None) => {
                if key.required {
                    let message = format!("ARG-1123: `{path}` must be there: {}", key.takes);
                    self.problems.push(Problem { line: self.root.line, column: self.root.column, message });
                }
                None
            }
        }
    }

    fn text(&mut self, path: &str) -> String {
        let required = find(path).is_some_and(|key| key.required);
        self.parsed(path, path, |text| (!required || !text.is_empty()).then(|| text.to_owned())).unwrap_or_default()
    }

    fn flag(&mut self, path: &str) -> bool {
        self.parsed(path, path, |text| text.parse().ok()).unwrap_or_default()
    }

    fn duration(&mut self, path: &str, declared: &str) -> Duration {
        let positive = |text: &str| humantime::parse_duration(text).ok().filter(|time| !time.is_zero());
        self.parsed(path, declared, positive).unwrap_or_default()
    }

    fn path(&mut self, path: &str) -> Option<PathBuf> {
        let folder = self.folder;
        self.parsed(path, path, |text| (!text.is_empty()).then(|| folder.join(text)))
    }

    /// A library: as with the loader itself, a name without any folder is looked for where the system keeps libraries, and everything else
    /// is a path.
    fn library(&mut self, path: &str) -> Option<PathBuf> {
        let folder = self.folder;
        let read = |text: &str| if text.contains('/') { folder.join(text) } else { PathBuf::from(text) };
        self.parsed(path, path, |text| (!text.is_empty()).then(|| read(text)))
    }

    /// A list of scalars that each keep a rule; one must be there.
    fn list(&mut self, path: &str, good: impl Fn(&str) -> bool) -> Vec<String> {
        let takes = find(path).map_or("a list", |key| key.takes);
        let Some(at) = self.at(path) else {
            let _ = self.parsed(path, path, |text| Some(text.to_owned()));
            return Vec::new();
        };
        let items = match &at.value {
            Node::List(items) if !items.is_empty() => items,
            _ => {
                self.wrong(at, path, takes);
                return Vec::new();
            }
        };
        let mut read = Vec::new();
        for item in items {
            match &item.value {
                Node::Scalar(text) if good(text) => read.push(text.clone()),
                _ => self.wrong(item, path, takes),
            }
        }
        read
    }

    fn tls(&mut self) -> Option<Tls> {
        let plaintext = self.flag("plaintext");
        if let Some(at) = self.at("join") {
            for other in ["tls", "plaintext"] {
                if self.at(other).is_some() {
                    let message = format!("ARG-1122: `join` stands in place of `{other}`: keep one of them");
                    self.problems.push(at.problem(message));
                }
            }
            return None;
        }
        let files = ["tls.cert", "tls.key", "tls.ca"].map(|path| self.path(path));
        let missing = files.iter().any(Option::is_none);
        if missing && (!plaintext || files.iter().any(Option::is_some)) {
            let at = self.at("tls").unwrap_or(self.root);
            let message =
                "ARG-1123: `tls.cert`, `tls.key` and `tls.ca` must be there, unless `plaintext` is true".to_owned();
            self.problems.push(at.problem(message));
        }
        let [Some(cert), Some(key), Some(ca)] = files else { return None };
        Some(Tls { cert, key, ca })
    }

    fn join(&mut self) -> Option<Join> {
        let at = self.at("join")?;
        let addresses = self
            .list("join.addresses", |text| text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()));
        let folder = self.path("join.folder").or_else(|| self.path("state_dir").map(|dir| dir.join("identity")));
        let text = self.parsed("join.token", "join.token", |text| (!text.is_empty()).then(|| Secret::new(text)));
        let file = self.path("join.token_file");
        let authority = self.path("join.ca");
        let print = self.parsed("join.ca_fingerprint", "join.ca_fingerprint", fingerprint);
        let token = match (text, file) {
            (Some(text), None) => Some(TokenSource::Text(text)),
            (None, Some(file)) => Some(TokenSource::File(file)),
            _ => self.one_of(at, "join.token", "join.token_file"),
        };
        let trust = match (authority, print) {
            (Some(authority), None) => Some(Trust::Authority(authority)),
            (None, Some(print)) => Some(Trust::Fingerprint(print)),
            _ => self.one_of(at, "join.ca", "join.ca_fingerprint"),
        };
        if self.at("join.addresses").is_none() {
            self.problems.push(at.problem("ARG-1123: `join.addresses` must be there: a list of host:port".to_owned()));
        }
        Some(Join { addresses, token: token?, trust: trust?, folder: folder? })
    }

    /// Complains unless one of two keys was written, and was no good, which has been complained of.
    fn one_of<T>(&mut self, at: &At<Node>, one: &str, other: &str) -> Option<T> {
        if self.at(one).is_some() == self.at(other).is_some() {
            self.problems
                .push(at.problem(format!("ARG-1123: one of `{one}` and `{other}` must be there, and not both")));
        }
        None
    }

    fn thresholds(&mut self) -> Thresholds {
        let path = "thresholds.temperature_celsius";
        let mut thresholds = Thresholds::default();
        if let Some(at) = self.at(path) {
            let degrees: Vec<u32> =
                self.list(path, |text| text.parse::<u32>().is_ok()).iter().filter_map(|t| t.parse().ok()).collect();
            if degrees.windows(2).any(|pair| pair[0] >= pair[1]) {
                self.wrong(at, path, "numbers that rise");
            }
            thresholds.temperature_celsius = degrees;
        }
        let noise = self.duration("thresholds.noise_interval", "thresholds.noise_interval");
        thresholds.noise_interval_ms = u64::try_from(noise.as_millis()).unwrap_or(u64::MAX);
        thresholds
    }

    fn commands(&mut self) -> BTreeMap<&'static str, Script> {
        let mut commands = BTreeMap::new();
        for (name, _) in KINDS {
            let Some(at) = self.at(&format!("commands.{name}")) else { continue };
            let path = format!("commands.{name}.exec");
            if self.at(&path).is_none() {
                self.problems.push(at.problem(format!("ARG-1123: `{path}` must be there: a list of words")));
            }
            let argv = if self.at(&path).is_some() { self.list(&path, |word| !word.is_empty()) } else { Vec::new() };
            let timeout = self.duration(&format!("commands.{name}.timeout"), "commands.NAME.timeout");
            commands.insert(name, Script { argv, timeout });
        }
        commands
    }

    /// The rules between keys.
    fn across(&mut self, config: &Config) {
        let local =
            |server: &String| ["127.0.0.1:", "localhost:", "[::1]:"].iter().any(|host| server.starts_with(host));
        if config.tls.is_none() && self.at("join").is_none() && !config.servers.iter().all(local) {
            let at = self.at("servers").unwrap_or(self.root);
            self.problems
                .push(at.problem("ARG-1122: without `tls`, `servers` takes addresses of this machine only".to_owned()));
        }
    }
}

fn fingerprint(text: &str) -> Option<String> {
    let digits: String = text.strip_prefix("sha256:").unwrap_or(text).chars().filter(|c| *c != ':').collect();
    (digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| digits.to_ascii_lowercase())
}

fn expected(text: &str) -> Option<Expected> {
    if text == "auto" { Some(Expected::OnBus) } else { text.parse().ok().map(Expected::Count) }
}

fn size(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = match text[digits..].trim() {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<usize>().ok()?.checked_mul(unit).filter(|bytes| (64 << 10..=1 << 30).contains(bytes))
}
