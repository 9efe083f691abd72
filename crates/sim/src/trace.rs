//! Traces: what a run did, as lines of JSON in the order in which it happened.
//!
//! Nothing in a line depends on handles, addresses or the machine that ran it: names, amounts and virtual time only. Actions
//! stand in the order of the plan, because that order is decided and not an accident.

use std::collections::BTreeMap;

use argosy_engine::Shortfall;
use argosy_model::State;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::fleet::FleetSim;
use crate::leader::{Acted, Cycled, Leader};

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The run begins.
    Start,
    /// A cluster reported.
    Rollup,
    /// Something happened from outside.
    Event,
    /// A shard ran a cycle.
    Cycle,
    /// The run is over.
    End,
}

/// One action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ActionLine<'a> {
    kind: &'a str,
    machine: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    reason: &'a str,
}

/// One need that is not covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ShortLine {
    cluster: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gang: Option<String>,
    why: &'static str,
    lacks: BTreeMap<String, String>,
}

/// How many machines are where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct StateLine {
    total: usize,
    by_state: BTreeMap<&'static str, usize>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    configured: BTreeMap<String, usize>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line<'a> {
    step: u64,
    at_ms: u64,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<ActionLine<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<(u32, &'static str)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    short: Vec<ShortLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<StateLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// A trace in the making.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    lines: Vec<String>,
    step: u64,
}

impl Trace {
    /// The lines so far.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The whole trace, as a file holds it.
    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    /// SHA-256 of [`Trace::text`].
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.text().as_bytes()))
    }

    /// The beginning or the end of a run.
    pub fn bound(&mut self, kind: Kind, fleet: &FleetSim, note: &str) {
        let state = fleet.leaders().iter().map(census).reduce(merged);
        self.push(&Line { state, note: Some(note), ..self.line(kind, fleet.now_ms()) });
    }

    /// A roll-up that was taken, held back, or is the demand already.
    pub fn rollup(&mut self, now_ms: u64, cluster: &str, note: &str) {
        self.step += 1;
        self.push(&Line { cluster: Some(cluster), note: Some(note), ..self.line(Kind::Rollup, now_ms) });
    }

    /// Something from outside.
    pub fn event(&mut self, now_ms: u64, note: &str) {
        self.step += 1;
        self.push(&Line { note: Some(note), ..self.line(Kind::Event, now_ms) });
    }

    /// A cycle, with the state it left behind.
    pub fn cycle(&mut self, fleet: &FleetSim, cycled: &Cycled) {
        self.step += 1;
        let leader = &fleet.leaders()[cycled.shard];
        let is_alone = fleet.leaders().len() == 1;
        let line = Line {
            shard: (!is_alone).then(|| leader.state().shard()),
            actions: cycled.acted.iter().map(action_line).collect(),
            dropped: cycled.taken.dropped.iter().map(|(unit, why)| (*unit, why.name())).collect(),
            short: cycled.decision.shortfalls().map(|short| short_line(leader, short)).collect(),
            state: Some(census(leader)),
            ..self.line(Kind::Cycle, cycled.at_ms)
        };
        self.push(&line);
    }

    fn line<'a>(&self, kind: Kind, at_ms: u64) -> Line<'a> {
        Line {
            step: self.step,
            at_ms,
            kind,
            shard: None,
            cluster: None,
            actions: Vec::new(),
            dropped: Vec::new(),
            short: Vec::new(),
            state: None,
            note: None,
        }
    }

    fn push(&mut self, line: &Line<'_>) {
        self.lines.push(serde_json::to_string(line).expect("a line is plain data"));
    }
}

fn action_line(acted: &Acted) -> ActionLine<'_> {
    let Acted { kind, machine, cluster, reason } = acted;
    ActionLine { kind, machine, cluster: cluster.as_deref(), reason }
}

fn census(leader: &Leader) -> StateLine {
    let mut line = StateLine { total: leader.state().fleet().len(), ..StateLine::default() };
    for state in State::ALL {
        let count = leader.count(state, None);
        if count > 0 {
            line.by_state.insert(state.name(), count);
        }
    }
    for (cluster, name) in leader.state().fleet().words.clusters() {
        let count = leader.state().fleet().count(State::Configured, Some(cluster));
        if count > 0 {
            line.configured.insert(name.to_owned(), count);
        }
    }
    line
}

fn merged(mut all: StateLine, one: StateLine) -> StateLine {
    all.total += one.total;
    one.by_state.into_iter().for_each(|(state, count)| *all.by_state.entry(state).or_default() += count);
    one.configured.into_iter().for_each(|(cluster, count)| *all.configured.entry(cluster).or_default() += count);
    all
}

fn short_line(leader: &Leader, short: &Shortfall) -> ShortLine {
    let words = &leader.state().fleet().words;
    ShortLine {
        cluster: words.cluster_id(short.key.cluster).to_owned(),
        gang: short.key.group.map(|group| words.group_id(group).to_owned()),
        why: short.unmet.map_or("covered", |unmet| unmet.name()),
        lacks: words.quantities(&short.residual).into_iter().collect(),
    }
}

/// Bytes as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
