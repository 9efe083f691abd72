//! The rules that look at more than one key.
//!
//! Each rule is one function over the parts that could be read; a part that could not be read has its own problem
//! already, and the rules that need it stay silent instead of reporting what follows from it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use super::problem::{Code, Problem, Severity};
use super::schema::ServerFile;
use super::source::{Place, Positions};
use super::value::HostPort;

/// Collects what the rules find, each at the place of a key's path.
pub(super) struct Findings<'a> {
    pub(super) positions: &'a Positions,
    pub(super) whole_file: Place,
    pub(super) problems: Vec<Problem>,
}

impl Findings<'_> {
    pub(super) fn error(&mut self, code: Code, path: &str, message: String, advice: impl Into<String>) {
        self.note(Severity::Error, code, path, message, advice.into());
    }

    pub(super) fn warning(&mut self, path: &str, message: String, advice: impl Into<String>) {
        self.note(Severity::Warning, Code::WeakLayout, path, message, advice.into());
    }

    fn note(&mut self, severity: Severity, code: Code, path: &str, message: String, advice: String) {
        let place = self.positions.nearest(path).unwrap_or(&self.whole_file).clone();
        self.problems.push(Problem { severity, code, place, message, advice });
    }

    /// Reports every entry that says again what an earlier one said; `entries` are (what, where).
    pub(super) fn no_twice<T: Ord + Display>(
        &mut self,
        what: &str,
        advice: &str,
        entries: impl IntoIterator<Item = (T, String)>,
    ) {
        let mut first: BTreeMap<T, String> = BTreeMap::new();
        for (entry, path) in entries {
            if let Some(before) = first.get(&entry) {
                let message = format!("{what} `{entry}` is at `{path}` and at `{before}`");
                self.error(Code::Duplicate, &path, message, advice);
            } else {
                first.insert(entry, path);
            }
        }
    }
}

/// Runs the rules about this node and its surroundings; those about the placement are in `check_placement`.
pub(super) fn run(file: &ServerFile, found: &mut Findings<'_>) {
    security(file, found);
    joining(file, found);
    addresses(file, found);
    peers(file, found);
    providers(file, found);
    timers(file, found);
}

fn security(file: &ServerFile, found: &mut Findings<'_>) {
    let (Some(plaintext), Some(tls)) = (file.plaintext, &file.tls) else { return };
    match (plaintext, tls) {
        (true, Some(_)) => {
            let message = "`plaintext = true` and `[tls]` exclude each other".to_owned();
            found.error(
                Code::Conflict,
                "plaintext",
                message,
                "remove one of them; keep `[tls]` unless this is a test on one machine",
            );
        }
        (false, None) => {
            let message = "neither `[tls]` nor `plaintext = true` is there".to_owned();
            found.error(
                Code::Plaintext,
                "tls",
                message,
                "add `[tls]` with cert, key and ca; `argosy pki init` and `argosy pki issue` make them",
            );
        }
        (true, None) => plaintext_stays_on_loopback(file, found),
        (false, Some(_)) => {}
    }
}

fn plaintext_stays_on_loopback(file: &ServerFile, found: &mut Findings<'_>) {
    let mut named: Vec<(String, String, bool)> = Vec::new();
    let mut dialled = |path: String, address: &HostPort| named.push((path, address.to_string(), address.is_loopback()));
    if let Some(node) = &file.node {
        if let Some(advertise) = &node.advertise {
            dialled("node.advertise".to_owned(), advertise);
        }
        dialled("node.listen".to_owned(), &HostPort::from(node.listen));
    }
    if let Some(metrics) = file.metrics.as_ref().filter(|metrics| metrics.enabled) {
        dialled("metrics.listen".to_owned(), &HostPort::from(metrics.listen));
    }
    for (n, peer) in file.peers.iter().flatten().enumerate() {
        dialled(format!("peers[{n}].address"), &peer.address);
    }
    for (n, provider) in file.providers.iter().flatten().enumerate() {
        dialled(format!("providers[{n}].address"), &provider.address);
    }
    for (path, address, _) in named.iter().filter(|(_, _, loopback)| !loopback) {
        let message = format!("`{path}` is {address}, and with `plaintext = true` only loopback is accepted");
        found.error(
            Code::Plaintext,
            path,
            message,
            "write a literal loopback address such as 127.0.0.1, or use `[tls]`",
        );
    }
}

fn joining(file: &ServerFile, found: &mut Findings<'_>) {
    let Some(join) = &file.join else { return };
    let is_written = join.authority.is_some() || join.authority_key.is_some() || join.listen.is_some();
    if file.plaintext == Some(true) && is_written {
        let message = "`[join]` has no meaning with `plaintext = true`: nobody has a certificate".to_owned();
        found.error(Code::Conflict, "join", message, "remove `[join]`, or use `[tls]`");
        return;
    }
    if join.authority_key.is_some() && join.authority.is_none() {
        let message = "`join.authority_key` is there and `join.authority` is not".to_owned();
        found.error(Code::MissingKey, "join.authority_key", message, "add the certificate that the key belongs to");
    }
    let Some(listen) = join.listen else { return };
    if join.authority_key.is_none() {
        let message = "`join.listen` is there, and this node has no key to sign certificates with".to_owned();
        found.error(
            Code::MissingKey,
            "join.listen",
            message,
            "add `authority` and `authority_key`; `argosy pki agents` makes both",
        );
    }
    let others = [
        ("node.listen", file.node.as_ref().map(|node| node.listen)),
        ("metrics.listen", file.metrics.as_ref().filter(|metrics| metrics.enabled).map(|metrics| metrics.listen)),
    ];
    for (other, _) in others.iter().filter(|(_, address)| *address == Some(listen) && listen.port() != 0) {
        let message = format!("`join.listen` and `{other}` are both {listen}");
        found.error(
            Code::Conflict,
            "join.listen",
            message,
            "write another port: it is for callers without a certificate",
        );
    }
}

fn addresses(file: &ServerFile, found: &mut Findings<'_>) {
    let Some(node) = &file.node else { return };
    if node.listen.port() == 0 {
        let message = "`node.listen` has port 0".to_owned();
        found.error(Code::BadValue, "node.listen", message, "write the port that the other nodes dial");
    }
    if node.listen.ip().is_unspecified() && node.advertise.is_none() {
        let message = format!("`node.listen` is {}, which nobody can dial", node.listen);
        found.error(
            Code::MissingKey,
            "node.listen",
            message,
            "add `advertise` with the address that others reach this node at",
        );
    }
    if file.metrics.as_ref().is_some_and(|metrics| metrics.enabled && metrics.listen == node.listen) {
        let message = format!("`metrics.listen` and `node.listen` are both {}", node.listen);
        found.error(Code::Conflict, "metrics.listen", message, "write another port");
    }
}

fn peers(file: &ServerFile, found: &mut Findings<'_>) {
    let Some(peers) = &file.peers else { return };
    let each = || peers.iter().enumerate();
    found.no_twice("the peer", "give every node one entry", each().map(|(n, p)| (&p.id, format!("peers[{n}].id"))));
    found.no_twice(
        "the address",
        "every node has an address of its own",
        each().map(|(n, p)| (&p.address, format!("peers[{n}].address"))),
    );
    let Some(node) = &file.node else { return };
    let others = || each().filter(|(_, peer)| peer.id != node.id);
    let own_number = std::iter::once((node.number, "node.number".to_owned()));
    let numbers = own_number.chain(others().map(|(n, p)| (p.number, format!("peers[{n}].number"))));
    found.no_twice("the number", "every node has a number of its own, never one that another node had", numbers);
    for (n, own) in each().filter(|(_, peer)| peer.id == node.id) {
        let numbers = (node.number.to_string(), own.number.to_string());
        let said = [
            ("region", node.region.as_str(), own.region.as_str()),
            ("zone", node.zone.as_str(), own.zone.as_str()),
            ("number", &numbers.0, &numbers.1),
        ];
        for (key, here, there) in said {
            if here != there {
                let message = format!("`peers[{n}]` is this node and says {key} `{there}`; `[node]` says `{here}`");
                found.error(
                    Code::Conflict,
                    &format!("peers[{n}].{key}"),
                    message,
                    "make them agree, or leave this node out of `peers`",
                );
            }
        }
    }
}

fn providers(file: &ServerFile, found: &mut Findings<'_>) {
    let Some(providers) = &file.providers else { return };
    let names = providers.iter().enumerate().map(|(n, p)| (&p.name, format!("providers[{n}].name")));
    found.no_twice("the provider", "give every provider a name of its own", names);
    let Some(Some(placement)) = &file.placement else { return };
    for (n, provider) in providers.iter().enumerate() {
        for (m, shard) in provider.shards.iter().enumerate() {
            if !placement.shards.iter().any(|known| known.id == *shard) {
                let message = format!(
                    "the provider `{}` serves the shard `{shard}`, which the placement does not have",
                    provider.name
                );
                let path = format!("providers[{n}].shards[{m}]");
                found.error(
                    Code::UnknownReference,
                    &path,
                    message,
                    "name a shard of the placement, or leave `shards` out to serve all",
                );
            }
        }
    }
}

fn timers(file: &ServerFile, found: &mut Findings<'_>) {
    if let Some(raft) = &file.raft {
        if raft.election_min >= raft.election_max {
            let message = "`raft.election_min` is not below `raft.election_max`".to_owned();
            found.error(
                Code::Conflict,
                "raft.election_min",
                message,
                "leave a gap of several round trips, or two nodes stand for election together",
            );
        }
        if raft.heartbeat * 2 > raft.election_min {
            let message = "`raft.election_min` is less than two heartbeats".to_owned();
            found.error(
                Code::Conflict,
                "raft.election_min",
                message,
                "one late heartbeat must not cost the leader its office: write at least twice `raft.heartbeat`",
            );
        }
    }
    if let Some(cycle) = file.cycle.as_ref().filter(|cycle| cycle.on_demand_min_gap > cycle.interval) {
        let message = format!(
            "`cycle.on_demand_min_gap` is longer than `cycle.interval` ({})",
            humantime::format_duration(cycle.interval)
        );
        found.error(Code::Conflict, "cycle.on_demand_min_gap", message, "write at most the interval");
    }
    if let Some(actuation) = &file.actuation {
        let (retry, cooling) = (&actuation.retry, &actuation.cooling);
        doubles("actuation.retry", retry.first, retry.last, found);
        doubles("actuation.cooling", cooling.first, cooling.last, found);
    }
}

/// A pause that doubles from the first to the last has a last that is no shorter.
fn doubles(table: &str, first: Duration, last: Duration, found: &mut Findings<'_>) {
    if first > last {
        let last = humantime::format_duration(last);
        let message = format!("`{table}.first` is longer than `{table}.last` ({last})");
        found.error(Code::Conflict, &format!("{table}.first"), message, "write at most the last pause");
    }
}
