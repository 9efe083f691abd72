//! Each machine's life, put together from the events: in which state it was from when to when, and what happened to it.

use crate::rehearsal::record::{Cause, Happening, RunRecord, What};

/// How a machine is, as its pool sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mood {
    /// A free slot.
    #[default]
    Absent,
    /// On its way to its pool.
    Joining,
    /// Bound, and well.
    Healthy,
    /// Bound, and nothing is known of it.
    Unknown,
    /// Bound, and not quite well.
    Degraded,
    /// Bound, and not to be counted upon.
    Unhealthy,
    /// Being drained.
    Draining,
    /// There, and nobody's.
    Idle,
}

impl Mood {
    pub(super) const ALL: [Self; 8] = [
        Self::Absent,
        Self::Joining,
        Self::Healthy,
        Self::Unknown,
        Self::Degraded,
        Self::Unhealthy,
        Self::Draining,
        Self::Idle,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Joining => "joining",
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
            Self::Idle => "idle",
        }
    }

    fn is_bound(self) -> bool {
        matches!(self, Self::Healthy | Self::Unknown | Self::Degraded | Self::Unhealthy)
    }
}

/// What kind of thing happened to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// It broke.
    Failure,
    /// Something that broke elsewhere broke it.
    Spread,
    /// It is right again.
    Mended,
    /// The control plane found, or decided, something.
    Decision,
    /// Anything else.
    Other,
}

impl Sort {
    pub(super) const ALL: [Self; 5] = [Self::Failure, Self::Spread, Self::Mended, Self::Decision, Self::Other];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Spread => "spread",
            Self::Mended => "mended",
            Self::Decision => "decision",
            Self::Other => "other",
        }
    }
}

/// One machine over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Life {
    /// From when it was how, in order; each lasts until the next.
    pub(super) moods: Vec<(u64, Mood)>,
    /// What happened, in order.
    pub(super) marks: Vec<(u64, Sort, String)>,
    pub(super) failures: u32,
    pub(super) recoveries: u32,
    pub(super) replaced: u32,
}

impl Life {
    /// How it is in the end.
    pub(super) fn mood(&self) -> Mood {
        self.moods.last().map_or(Mood::Absent, |(_, mood)| *mood)
    }

    fn become_(&mut self, at_ms: u64, mood: Mood) {
        if self.mood() == mood {
            return;
        }
        // What did not last was not.
        match self.moods.last_mut() {
            Some(last) if last.0 == at_ms => last.1 = mood,
            _ => self.moods.push((at_ms, mood)),
        }
    }

    fn happen(&mut self, at_ms: u64, what: &What) {
        let bound = self.mood().is_bound();
        match what {
            What::Decided { action, .. } if !bound && matches!(action.as_str(), "Provision" | "Bootstrap") => {
                self.become_(at_ms, Mood::Joining);
            }
            What::Started { .. } if self.mood() == Mood::Absent => self.become_(at_ms, Mood::Joining),
            What::Joined { .. } => self.become_(at_ms, Mood::Healthy),
            What::Verdict { to, unfit, .. } if bound => self.become_(at_ms, verdict(to, *unfit)),
            What::Draining => self.become_(at_ms, Mood::Draining),
            What::Left { .. } => self.become_(at_ms, Mood::Idle),
            What::Ended { .. } => self.become_(at_ms, Mood::Absent),
            What::Failed { .. } => self.failures += 1,
            What::Recovered { .. } => self.recoveries += 1,
            What::Replaced { .. } => self.replaced += 1,
            _ => {}
        }
    }
}

fn verdict(to: &str, unfit: bool) -> Mood {
    match to {
        _ if unfit => Mood::Unhealthy,
        "unhealthy" => Mood::Unhealthy,
        "degraded" => Mood::Degraded,
        "unknown" => Mood::Unknown,
        _ => Mood::Healthy,
    }
}

/// The lives of all machines, in the order of the record.
pub(super) fn of(record: &RunRecord) -> Vec<Life> {
    let mut lives = vec![Life::default(); record.machines.len()];
    for Happening { at_ms, machine, what } in &record.events {
        let Some(life) = machine.and_then(|number| lives.get_mut(number as usize)) else { continue };
        life.happen(*at_ms, what);
        let (sort, text) = told(record, what);
        life.marks.push((*at_ms, sort, text));
    }
    lives
}

/// What happened, in a few words.
pub(super) fn told(record: &RunRecord, what: &What) -> (Sort, String) {
    let machine = |number: u32| record.machines.get(number as usize).map_or("another", |entry| entry.id.as_str());
    match what {
        What::Started { generation, .. } => (Sort::Other, format!("up, host {generation}")),
        What::Failed { kind, xid, gpu, cause, .. } => {
            let xid = xid.map_or(String::new(), |xid| format!(" XID {xid}"));
            let gpu = gpu.map_or(String::new(), |gpu| format!(" on GPU {gpu}"));
            (sort_of(cause), format!("{}{xid}{gpu}, {}", kind.name(), told_cause(cause)))
        }
        What::Recovered { kind, .. } => (Sort::Mended, format!("{} mended", kind.name())),
        What::Verdict { from, to, class, rule, unfit, .. } => {
            let unfit = if *unfit { ", counts as no supply" } else { "" };
            (Sort::Decision, format!("verdict {from} to {to} by {rule} ({class}){unfit}"))
        }
        What::Decided { action, reason, pool } => {
            let pool = pool.as_ref().map_or(String::new(), |pool| format!(" for {pool}"));
            (Sort::Decision, format!("{action}: {reason}{pool}"))
        }
        What::Joined { pool } => (Sort::Other, format!("covers {pool}")),
        What::Draining => (Sort::Decision, "is drained".to_owned()),
        What::Left { state } => (Sort::Other, format!("left its pool, {state}")),
        What::Ended { lost: true } => (Sort::Failure, "lost".to_owned()),
        What::Ended { lost: false } => (Sort::Other, "given back".to_owned()),
        What::Replaced { by, pool, .. } => (Sort::Mended, format!("made up for by {} in {pool}", machine(*by))),
        What::Silent => (Sort::Failure, "its agent is silent".to_owned()),
        What::Heard => (Sort::Mended, "its agent is heard again".to_owned()),
        What::Command { command, outcome } => (Sort::Decision, format!("command {command}: {outcome}")),
        What::Repair { class, state } => (Sort::Decision, format!("repair {class}: {state}")),
        What::Held { rail, on } => {
            (Sort::Decision, format!("{rail} {}", if *on { "holds" } else { "holds no longer" }))
        }
        What::PoolSized { pool, from, to, reason } => (Sort::Decision, format!("{pool} from {from} to {to}: {reason}")),
        What::OutageBegan { outage, machines } => {
            (Sort::Failure, format!("outage {outage} begins, {machines} machines"))
        }
        What::OutageEnded { outage, cleared } => (Sort::Mended, format!("outage {outage} ends, {cleared} cleared")),
        What::LeaderChanged => (Sort::Other, "another leader".to_owned()),
        What::Log { message } => (Sort::Other, message.clone()),
        What::Asserted { assertion, passed } => {
            let text = record.assertions.get(*assertion as usize).map_or("", |check| check.text.as_str());
            (Sort::Other, format!("{}: {text}", if *passed { "holds" } else { "fails" }))
        }
    }
}

/// The word under which a failure's cause is counted.
pub(super) fn cause(cause: &Cause) -> &'static str {
    match cause {
        Cause::Primary => "primary",
        Cause::Script => "script",
        Cause::Cascade { .. } => "cascade",
        Cause::Correlated { .. } => "correlated",
        Cause::Outage { .. } => "outage",
    }
}

fn sort_of(cause: &Cause) -> Sort {
    if matches!(cause, Cause::Cascade { .. } | Cause::Correlated { .. }) { Sort::Spread } else { Sort::Failure }
}

fn told_cause(of: &Cause) -> String {
    match of {
        Cause::Primary => "by itself".to_owned(),
        Cause::Script => "as scripted".to_owned(),
        Cause::Cascade { depth, .. } => format!("spread, step {depth}"),
        Cause::Correlated { rule, .. } => format!("in the wake of another, {rule}"),
        Cause::Outage { outage } => format!("outage {outage}"),
    }
}
