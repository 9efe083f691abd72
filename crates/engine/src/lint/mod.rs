//! The plan linter: every plan is held against the rules before anybody acts on it, in tests, in simulation and in
//! production, where a plan with a finding is refused.
//!
//! Rules look at the plan and at the state, not at how the plan came about. The one thing shared with decide is the
//! credit, which says who holds what: a second opinion on that is the reference engine's job.

mod actions;
mod attribution;
mod consolidation;
mod needs;
mod rails;
#[cfg(test)]
mod tests;

use argosy_model::{MachineIx, NeedKey};

use crate::cycle::Cycle;
use crate::{Decision, View};

/// A rule that a plan must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A machine is in one action at the most.
    OneActionPerMachine,
    /// An action names the present version of its machine.
    MachineVersion,
    /// A unit names the present versions of needs that are there.
    NeedVersion,
    /// An action starts from the state that its edge starts from; nothing is done to a machine on its way.
    LegalEdge,
    /// Machines that may not be taken for new work are neither acquired nor freed for somebody.
    UsableOnly,
    /// An acquired or freed machine meets its need's conditions and holds its `min_unit`, and the terms are the need's own.
    FitsNeed,
    /// A machine is freed only for a need of strictly higher priority than whoever holds it now.
    VictimsStrictlyLower,
    /// What a need holds is not reclaimed.
    ReclaimsSurplusOnly,
    /// Nothing is taken from a cluster that has not reported.
    HeardClustersOnly,
    /// A gang is put together in one domain, whole.
    GangWhole,
    /// New machines of a need that spreads do not unbalance it.
    SpreadKept,
    /// A need that is covered gets nothing.
    NoActionWhenCovered,
    /// A verdict's counts are the plan's, and what it says is missing is what is missing.
    Residuals,
    /// No more surplus of a cluster is reclaimed than the cap lets through.
    ReclaimCap,
    /// A unit buys no more machines of some shapes than a cap leaves.
    CapsKept,
    /// A plan is no larger than it may be.
    PlanSize,
    /// What is given back is elastic, idle, and past its hold.
    ReleaseSound,
    /// Marks are written only where they change.
    MarksChange,
    /// Machines are exchanged only where that is switched on, and only of a need that is covered by its own and may be moved.
    MovesAllowed,
    /// No more machines are exchanged than the budgets let through.
    MovesBudget,
    /// A need that moves is covered as well by what it has then.
    MovesKeepCover,
    /// A move saves what it must.
    MovesSave,
    /// A move acquires; it takes nothing away.
    MadeBeforeBroken,
}

/// A rule broken by a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// The machine it is about, if one.
    pub machine: Option<MachineIx>,
    /// The need it is about, if one.
    pub need: Option<NeedKey>,
    /// What is wrong, for people.
    pub detail: String,
}

impl Finding {
    fn machine(rule: Rule, machine: MachineIx, detail: impl Into<String>) -> Self {
        Self { rule, machine: Some(machine), need: None, detail: detail.into() }
    }

    fn need(rule: Rule, need: NeedKey, detail: impl Into<String>) -> Self {
        Self { rule, machine: None, need: Some(need), detail: detail.into() }
    }

    fn plan(rule: Rule, detail: impl Into<String>) -> Self {
        Self { rule, machine: None, need: None, detail: detail.into() }
    }
}

/// Holds a decision against every rule. Empty means sound.
pub fn lint(view: &View<'_>, decision: &Decision) -> Vec<Finding> {
    let mut findings = Vec::new();
    actions::check(view, decision, &mut findings);
    if findings.iter().any(|finding| finding.rule == Rule::MachineVersion) {
        // The rest of the rules would read machines that are not there.
        return findings;
    }
    rails::check(view, decision, &mut findings);
    let mut cycle = Cycle::new(view);
    cycle.credit();
    attribution::check(&cycle, decision, &mut findings);
    needs::check(&cycle, decision, &mut findings);
    consolidation::check(&cycle, decision, &mut findings);
    findings
}
