//! Rules on single actions: versions, edges, flags, fit.

use std::collections::BTreeSet;

use argosy_model::{Claim, Machine, MachineIx, State};

use super::{Finding, Rule};
use crate::plan::{Action, ActionKind, Unit};
use crate::{Decision, View};

pub(super) fn check(view: &View<'_>, decision: &Decision, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for unit in &decision.plan.units {
        check_needs(view, unit, findings);
        for action in &unit.actions {
            if !seen.insert(action.machine) {
                findings.push(Finding::machine(Rule::OneActionPerMachine, action.machine, "it is in two actions"));
            }
            match view.fleet.get(action.machine) {
                Some(machine) if machine.version == action.version => {
                    check_action(view, unit, action, machine, findings)
                }
                _ => findings.push(Finding::machine(Rule::MachineVersion, action.machine, "it has moved on")),
            }
        }
    }
}

fn check_needs(view: &View<'_>, unit: &Unit, findings: &mut Vec<Finding>) {
    for (key, version) in &unit.needs {
        if view.demand.get(key).is_none_or(|need| need.version != *version) {
            findings.push(Finding::need(Rule::NeedVersion, *key, "the need has moved on"));
        }
    }
}

fn check_action(view: &View<'_>, unit: &Unit, action: &Action, machine: &Machine, findings: &mut Vec<Finding>) {
    let from = match &action.kind {
        ActionKind::Bootstrap(_) | ActionKind::Release => State::Idle,
        ActionKind::Provision(_) => State::Speculative,
        ActionKind::Preempt { .. } | ActionKind::Reclaim { .. } => State::Configured,
    };
    if machine.state != from {
        let detail = format!("{} starts from {from:?}, not {:?}", action.kind.name(), machine.state);
        findings.push(Finding::machine(Rule::LegalEdge, action.machine, detail));
    }
    let taken_for = match &action.kind {
        ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => {
            let profile = assignment.claim.profile.map(|ix| view.fleet.words.profile_of(ix));
            let terms = profile.map(|p| (p.priority, p.interruption, p.reclamation));
            if terms != Some((assignment.priority, assignment.interruption, assignment.reclamation)) {
                findings.push(Finding::machine(Rule::FitsNeed, action.machine, "the terms are not the need's"));
            }
            Some(assignment.claim)
        }
        ActionKind::Preempt { heir, .. } => Some(*heir),
        ActionKind::Reclaim { .. } | ActionKind::Release => None,
    };
    if let Some(claim) = taken_for {
        check_taking(view, unit, action.machine, machine, &claim, findings);
    }
}

fn check_taking(
    view: &View<'_>,
    unit: &Unit,
    ix: MachineIx,
    machine: &Machine,
    claim: &Claim,
    findings: &mut Vec<Finding>,
) {
    if !machine.is_usable() {
        findings.push(Finding::machine(Rule::UsableOnly, ix, "it may not be taken for new work"));
    }
    let shape = view.fleet.words.shape_of(machine.shape);
    let admits = claim.profile.is_some_and(|ix| view.fleet.words.profile_of(ix).admits(shape, &view.fleet.words));
    let units = unit.needs.iter().filter_map(|(key, _)| view.demand.get(key)).map(|need| {
        let is_folded = need.key.profile != claim.profile.unwrap_or(need.key.profile);
        if is_folded { &need.aggregate } else { &need.min_unit }
    });
    let mut units = units.peekable();
    if !admits || units.peek().is_none() || !units.all(|unit| shape.resources.covers(unit)) {
        findings.push(Finding::machine(Rule::FitsNeed, ix, "it does not fit the need that it is taken for"));
    }
}
