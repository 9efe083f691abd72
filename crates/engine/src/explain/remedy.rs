//! Remedies: changes that would satisfy a need. Each is a scenario that was tried, and is told only because it worked.

use serde::{Deserialize, Serialize};

use crate::whatif::Scenario;

/// A change that would satisfy a need: after the next plan nothing would be missing. Whether that plan is carried out is
/// another matter: the rails that hold it back are told beside, and only a remedy that lifts rails answers for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// What kind of change.
    pub kind: RemedyKind,
    /// What to do, for people.
    pub summary: String,
    /// The same as a scenario: what was tried, and what `argosy whatif` takes.
    pub scenario: Scenario,
}

/// Kinds of changes, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemedyKind {
    /// A rail is lifted that holds back what the plan does for it.
    LiftRail,
    /// It is asked for anew, so that what is remembered of it no longer parks it.
    Renew,
    /// Machines are opened for new work again.
    Uncordon,
    /// Machines are added.
    AddMachines,
    /// Its priority is raised.
    RaisePriority,
    /// It need not be spread any more.
    DropSpread,
    /// It need not share a domain any more.
    DropSame,
    /// One of its conditions is dropped.
    DropCondition,
}

impl RemedyKind {
    /// Its name in APIs.
    pub fn name(self) -> &'static str {
        match self {
            Self::LiftRail => "lift_rail",
            Self::Renew => "renew",
            Self::Uncordon => "uncordon",
            Self::AddMachines => "add_machines",
            Self::RaisePriority => "raise_priority",
            Self::DropSpread => "drop_spread",
            Self::DropSame => "drop_same",
            Self::DropCondition => "drop_condition",
        }
    }
}

/// How a search for remedies went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// How many times the engine was run.
    pub runs: u32,
    /// How many times it could have been.
    pub limit: u32,
    /// Whether it ended at that limit: there may be more remedies, and smaller ones.
    pub is_cut_short: bool,
}
