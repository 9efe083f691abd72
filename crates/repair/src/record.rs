//! The record of one repair, and the moves that take it from step to step.
//!
//! ```text
//!   Waiting ──> Admitted ──> Acting ──> Verifying ──> (closed: the machine is supply again)
//!      │            │ ^         │           │
//!      │            │ └─────────┴───────────┘  did not help: again, or the next class
//!      │            ├──> Condemned ──> (closed: its provider has it back)
//!      │            └──> Quarantined ──> Condemned, or (closed: somebody has cleared it)
//!      └──> (closed: it recovered within its grace)
//! ```

use std::sync::Arc;

use argosy_model::{MachineIx, ShardTime};
use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::place::{Domain, Place};

/// Longest reason, in bytes.
pub const MAX_REASON: usize = 1_024;

/// Where a repair is. Append-only: it lies in snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// The machine is supply still; [`crate::wait`] says what it waits for.
    Waiting,
    /// The machine counts as supply no longer, and is drained once what it served is covered anew.
    Admitted,
    /// Its agent is at it.
    Acting {
        /// Names the order for ever: log index of the entry that gave it.
        order: u64,
        /// When it counts as failed.
        until: ShardTime,
    },
    /// It was done; now it must be seen to have helped.
    Verifying {
        /// When it counts as no help.
        until: ShardTime,
        /// Since when nothing stands against the machine.
        fit_since: Option<ShardTime>,
    },
    /// It is given back as soon as it is idle, and never bound again.
    Condemned,
    /// Somebody has to look at it.
    Quarantined,
}

impl Step {
    /// Its name in metrics and on screens.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Admitted => "admitted",
            Self::Acting { .. } => "acting",
            Self::Verifying { .. } => "verifying",
            Self::Condemned => "condemned",
            Self::Quarantined => "quarantined",
        }
    }

    /// Whether the machine is out of supply.
    #[must_use]
    pub fn is_out(self) -> bool {
        self != Self::Waiting
    }

    /// Whether it takes up a place of a budget. What waits for a person does not: nobody knows for how long.
    #[must_use]
    pub fn is_disruption(self) -> bool {
        !matches!(self, Self::Waiting | Self::Quarantined)
    }
}

/// Somebody has ordered a repair by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// The repair of one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// Rises with every change; a move names what it was decided from.
    pub updates: u64,
    /// What is done.
    pub class: Class,
    /// Why.
    pub reason: String,
    /// When the machine was found unfit.
    pub since: ShardTime,
    /// Reports in a row that found it so.
    pub reports: u32,
    /// Whether something stands against the machine now.
    pub unfit: bool,
    /// Where it counts.
    pub place: Place,
    /// Where the repair is.
    pub step: Step,
    /// Since when it is there.
    pub step_since: ShardTime,
    /// When it was admitted.
    pub admitted: Option<ShardTime>,
    /// How often `class` was tried in vain.
    pub attempts: u32,
    /// What came of the last try that failed; empty if none did.
    pub failure: String,
    /// Who has ordered it, if somebody has: then nothing but the order decides.
    pub ordered: Option<Order>,
    /// Whether the machine's flags were set because of it, and not by hand.
    pub flagged: bool,
    /// What a verdict has called for since `class` was begun, where that is more: it is done next if `class` does not help.
    pub worse: Option<Class>,
}

/// Nothing is repaired automatically at a machine until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Until when.
    pub until: ShardTime,
    /// Who said so.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// A machine was found unfit. Kept as long as a breaker may count it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Onset {
    /// When.
    pub at: ShardTime,
    /// Which machine.
    pub machine: MachineIx,
    /// Where it counts.
    pub place: Place,
}

/// A breaker that has opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    /// When.
    pub at: ShardTime,
    /// Machines that were found unfit within its window.
    pub found: u32,
    /// Machines of the domain.
    pub of: u32,
    /// When it closes by itself; `None` if somebody has to.
    pub until: Option<ShardTime>,
}

/// What came of an order, as its leader heard it. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acted {
    /// The agent has done it.
    Done,
    /// The agent has not, in its words.
    Failed(String),
    /// No agent can do this there: it is not tried again.
    Impossible(String),
}

/// One step of one repair. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Move {
    /// The machine stops being supply. The one move that breakers and budgets decide about.
    Admit,
    /// Its agent is told to act.
    Act,
    /// What came of that.
    Acted {
        /// The order that this is about.
        order: u64,
        /// What came of it.
        outcome: Acted,
    },
    /// It has helped: the machine is supply again.
    Pass,
    /// It has not helped.
    Fail,
    /// The machine is to be given back.
    Condemn,
    /// Somebody has to look at it.
    Quarantine,
}

/// A move of a machine's repair, decided from a version of its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepMove {
    /// Which machine.
    pub machine: MachineIx,
    /// [`Repair::updates`] of the record that this was decided from. What came of an order names the order instead.
    pub base: u64,
    /// What is to happen.
    pub step: Move,
}

impl Repair {
    /// Whether its class is being done, or was done and has yet to be seen to have helped.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        matches!(self.step, Step::Acting { .. } | Step::Verifying { .. })
    }

    /// Whether it takes up a place of the budgets of a domain.
    #[must_use]
    pub fn disrupts(&self, domain: &Domain) -> bool {
        self.step.is_disruption() && self.place.domain(domain.scope).as_ref() == Some(domain)
    }

    pub(crate) fn to(&mut self, step: Step, now: ShardTime) {
        self.step = step;
        self.step_since = now;
    }
}

/// A repair that lies in a book.
pub type Kept = Arc<Repair>;

/// Text as it is kept: cut to a sane length.
#[must_use]
pub fn cut(text: &str) -> String {
    let end = (0..=MAX_REASON.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].to_owned()
}
