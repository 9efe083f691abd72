//! What decide returns: a plan of decision units, and a verdict on every need.
//!
//! A unit is taken whole or dropped whole by the fold. It carries the versions of everything it was decided from, so
//! that a unit about something that has moved on meanwhile is dropped, and the next cycle decides again.

use std::sync::Arc;

use argosy_model::{Bucket, Claim, Duration, MachineIx, NeedKey, NeedMark, Resources, ShardTime, Sym};
use imbl::Vector;
use serde::{Deserialize, Serialize};

use crate::ahead::read;

/// Everything that one cycle wants done and remembered. Empty at a fixed point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// In order of commitment: Phase 1, 2, 3, 4, each by precedence.
    pub units: Vec<Unit>,
    /// What is to be remembered of needs, changes only.
    pub marks: Vec<(NeedKey, NeedMark)>,
}

impl Plan {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty() && self.marks.is_empty()
    }

    /// All actions, in order.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.units.iter().flat_map(|unit| &unit.actions)
    }
}

/// Actions that make sense together or not at all: a gang, a claimant with its victims, a single step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Why.
    pub reason: Reason,
    /// The needs it was decided for, by the versions that were read.
    pub needs: Vec<(NeedKey, u32)>,
    /// What to do, each with the version of its machine that was read.
    pub actions: Vec<Action>,
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// On which machine.
    pub machine: MachineIx,
    /// The version of its record that was read.
    pub version: u32,
    /// What.
    pub kind: ActionKind,
}

/// What can be done to a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionKind {
    /// Bind an idle machine.
    Bootstrap(Assignment),
    /// Create a machine out of a slot, then bind it.
    Provision(Assignment),
    /// Take a machine from its holder for a need of higher priority.
    Preempt {
        /// For whom: counted as coming to that need while it drains.
        heir: Claim,
        /// The need that holds it now; `None` if it serves none.
        holder: Option<NeedKey>,
        /// Time to drain.
        grace: Duration,
        /// The claimant's priority, for the holder to see.
        preemptor_priority: i32,
    },
    /// Take back a machine that its cluster no longer needs.
    Reclaim {
        /// Time to drain.
        grace: Duration,
    },
    /// Give an idle elastic machine back to its provider.
    Release,
}

impl ActionKind {
    /// Its name on the wire, in traces and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bootstrap(_) => "Bootstrap",
            Self::Provision(_) => "Provision",
            Self::Preempt { .. } => "Preempt",
            Self::Reclaim { .. } => "Reclaim",
            Self::Release => "Delete",
        }
    }
}

/// For whom a machine is acquired, and under what terms: echoed to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// For whom.
    pub claim: Claim,
    /// The need's priority.
    pub priority: i32,
    /// Its interruption penalty.
    pub interruption: Bucket,
    /// Its reclamation penalty.
    pub reclamation: Bucket,
}

/// Why a unit was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Phase 1: a need was short, and free capacity covers it or part of it.
    CoverDeficit,
    /// Phase 1: a gang is put together whole.
    AssembleGang,
    /// Phase 1: a gang that was whole lost members and covers again in its domain.
    MendGang,
    /// Phase 2: a need of higher priority could not be covered otherwise.
    PreemptForPriority,
    /// Phase 3: the machine covers no need of its cluster.
    ReclaimSurplus,
    /// Phase 3: a gang could not be put together in time.
    DisbandGang,
    /// Phase 3: an idle machine's hold ran out.
    ReleaseIdle,
    /// Phase 3: an idle machine is condemned: it cannot be repaired, and goes back for another.
    ReleaseCondemned,
    /// Phase 4: a need that is covered gets a cheaper machine; once that serves, a dearer one is surplus.
    Consolidate,
}

impl Reason {
    /// Its name in traces, metrics and APIs.
    pub fn name(self) -> &'static str {
        match self {
            Self::CoverDeficit => "cover_deficit",
            Self::AssembleGang => "assemble_gang",
            Self::MendGang => "mend_gang",
            Self::PreemptForPriority => "preempt_for_priority",
            Self::ReclaimSurplus => "reclaim_surplus",
            Self::DisbandGang => "disband_gang",
            Self::ReleaseIdle => "release_idle",
            Self::ReleaseCondemned => "release_condemned",
            Self::Consolidate => "consolidate",
        }
    }
}

/// Why a need stays short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Unmet {
    /// Others of higher or equal precedence hold all that would do.
    PriorityStarved,
    /// No machine of the fleet that it has not got already meets the conditions and holds the indivisible unit, or too few
    /// do, and nobody else has one.
    NoMatchingSupply,
    /// Enough machines, but no domain (or no allowed spread) has enough.
    TopologyUnsatisfiable,
    /// Everything that could be preempted was, and it was not enough.
    PreemptionExhausted,
    /// What is missing is on its way: being created, configured, or drained for this need.
    InFlight,
    /// Parked: without hope for a while, it waits for its next try.
    Parked,
}

impl Unmet {
    /// Its name in traces, metrics and APIs.
    pub fn name(self) -> &'static str {
        match self {
            Self::PriorityStarved => "priority_starved",
            Self::NoMatchingSupply => "no_matching_supply",
            Self::TopologyUnsatisfiable => "topology_unsatisfiable",
            Self::PreemptionExhausted => "preemption_exhausted",
            Self::InFlight => "in_flight",
            Self::Parked => "parked",
        }
    }
}

/// What a cycle found about one need (a folded row speaks for all the gangs in it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The need; for a folded row its key carries the fold.
    pub key: NeedKey,
    /// The rows of demand it stands for: itself, or the gangs folded into it.
    pub rows: Vec<NeedKey>,
    /// What it asks in all.
    pub aggregate: Resources,
    /// What neither bound nor coming machines cover, nor what this plan acquires or frees for it.
    pub residual: Resources,
    /// Machines credited to it, coming ones included.
    pub claimed: u32,
    /// Idle machines that this plan binds for it.
    pub bootstraps: u32,
    /// Slots that this plan turns into machines for it.
    pub provisions: u32,
    /// Machines that this plan frees for it.
    pub victims: u32,
    /// What those count for.
    pub freed: Resources,
    /// The value of its `Same` key that was chosen.
    pub domain: Option<Sym>,
    /// Why it is short; `None` if it is covered by what is bound to it now.
    pub unmet: Option<Unmet>,
    /// Since when it has been short.
    pub unmet_since: Option<ShardTime>,
    /// Since when it has been short without hope, as the last cycle left it.
    pub hopeless_since: Option<ShardTime>,
    /// The domains that come nearest to hosting it, best first. For needs with `Same` and a residual.
    pub candidates: Vec<Candidate>,
}

impl Verdict {
    /// Reads a word of each of its cache lines.
    pub(crate) fn read_all(&self) {
        read((self.claimed, self.domain, self.unmet_since.is_some(), self.candidates.len(), self.key.cluster));
    }

    /// Whether another verdict on the same rows finds the same.
    pub(crate) fn finds_the_same(&self, other: &Self) -> bool {
        let counts = |verdict: &Self| (verdict.claimed, verdict.bootstraps, verdict.provisions, verdict.victims);
        let times = |verdict: &Self| (verdict.unmet_since, verdict.hopeless_since);
        counts(self) == counts(other)
            && (self.unmet, self.domain) == (other.unmet, other.domain)
            && times(self) == times(other)
            && (&self.residual, &self.freed) == (&other.residual, &other.freed)
            && self.candidates == other.candidates
    }

    /// A verdict that is yet to be written.
    pub(crate) fn blank(key: NeedKey) -> Self {
        Self {
            key,
            rows: Vec::new(),
            aggregate: Resources::none(),
            residual: Resources::none(),
            claimed: 0,
            bootstraps: 0,
            provisions: 0,
            victims: 0,
            freed: Resources::none(),
            domain: None,
            unmet: None,
            unmet_since: None,
            hopeless_since: None,
            candidates: Vec::new(),
        }
    }
}

/// Machines that would do for a need, whoever has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matching {
    /// Idle ones that may be taken, before this plan takes any.
    pub idle: u32,
    /// Serving ones, of any cluster.
    pub configured: u32,
    /// Slots that may be turned into machines, before this plan takes any.
    pub speculative: u32,
}

impl Matching {
    /// Those and others.
    pub(crate) fn and(self, others: Self) -> Self {
        Self {
            idle: self.idle + others.idle,
            configured: self.configured + others.configured,
            speculative: self.speculative + others.speculative,
        }
    }
}

/// A topology domain that a need with `Same` could be put together in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The value of the `Same` key.
    pub domain: Sym,
    /// How much of the need its free machines, and those that the need holds there, cover.
    pub coverage_per_mille: u32,
    /// Whether that is all of it.
    pub is_enough: bool,
}

/// Demand that a cycle could not cover, neither now nor by what is on its way.
pub type Shortfall = Verdict;

/// Everything a cycle returns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What to commit.
    pub plan: Plan,
    /// A verdict on every need, in order of precedence. Those that a cycle leaves as they were are shared with the
    /// decision before.
    pub verdicts: Vector<Arc<Verdict>>,
    /// How many actions the limit on a plan's size leaves for later; the verdicts count them.
    pub left_out: u32,
}

impl Decision {
    /// The verdicts of needs that stay short with nothing on its way.
    pub fn shortfalls(&self) -> impl Iterator<Item = &Shortfall> {
        self.verdicts.iter().map(|verdict| &**verdict).filter(|verdict| !verdict.residual.is_zero())
    }
}
