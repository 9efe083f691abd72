//! Rules on the plan as a whole: caps, size, holds, gates, marks.

use std::collections::BTreeMap;

use argosy_model::{ClusterIx, Flags, State};

use super::{Finding, Rule};
use crate::plan::{Action, ActionKind, Reason};
use crate::policy::reclaim_cap;
use crate::{Decision, View};

pub(super) fn check(view: &View<'_>, decision: &Decision, findings: &mut Vec<Finding>) {
    check_size(view, decision, findings);
    check_cap(view, decision, findings);
    check_caps(view, decision, findings);
    check_marks(view, decision, findings);
    for action in decision.plan.actions() {
        let machine = view.fleet.machine(action.machine);
        match action.kind {
            ActionKind::Release => {
                let capacity = view.fleet.words.shape_of(machine.shape).capacity_type;
                let idle_for = view.now.since(machine.since);
                let is_free = view.policy.is_hold_over(capacity, idle_for) && !machine.flags.has(Flags::KEPT);
                if !capacity.is_elastic() || !(is_free || machine.flags.has(Flags::CONDEMNED)) {
                    let detail = "its hold is not over, or it is in repair";
                    findings.push(Finding::machine(Rule::ReleaseSound, action.machine, detail));
                }
            }
            ActionKind::Preempt { .. } | ActionKind::Reclaim { .. } => {
                if !machine.cluster().is_some_and(|cluster| view.demand.reporting(cluster).heard) {
                    let detail = "its cluster has not said what it needs";
                    findings.push(Finding::machine(Rule::HeardClustersOnly, action.machine, detail));
                }
            }
            ActionKind::Bootstrap(_) | ActionKind::Provision(_) => {}
        }
    }
}

fn check_size(view: &View<'_>, decision: &Decision, findings: &mut Vec<Finding>) {
    let actions = decision.plan.actions().count();
    if actions > view.policy.max_actions as usize && decision.plan.units.len() > 1 {
        findings.push(Finding::plan(Rule::PlanSize, format!("{actions} actions")));
    }
}

fn check_cap(view: &View<'_>, decision: &Decision, findings: &mut Vec<Finding>) {
    let Some(ppm) = view.policy.reclaim_cap_ppm else { return };
    let mut reclaims: BTreeMap<Option<ClusterIx>, usize> = BTreeMap::new();
    for unit in decision.plan.units.iter().filter(|unit| unit.reason == Reason::ReclaimSurplus) {
        for action in &unit.actions {
            *reclaims.entry(view.fleet.machine(action.machine).cluster()).or_default() += 1;
        }
    }
    for (cluster, count) in reclaims {
        let cap = reclaim_cap(ppm, view.fleet.count(State::Configured, cluster));
        if count > cap {
            let detail = format!("{count} reclaims of {cluster:?}, {cap} allowed");
            findings.push(Finding::plan(Rule::ReclaimCap, detail));
        }
    }
}

/// Unit by unit: whoever folds a plan in keeps the sum, and would drop every time what no sum has room for.
fn check_caps(view: &View<'_>, decision: &Decision, findings: &mut Vec<Finding>) {
    for cap in view.caps {
        let is_bought = |action: &&Action| {
            matches!(action.kind, ActionKind::Provision(_)) && cap.is_over(view.fleet.machine(action.machine).shape)
        };
        for unit in &decision.plan.units {
            let bought = unit.actions.iter().filter(is_bought).count();
            if bought > cap.left() as usize {
                let detail = format!("one unit buys {bought} machines, and a cap leaves {}", cap.left());
                findings.push(Finding::plan(Rule::CapsKept, detail));
            }
        }
    }
}

fn check_marks(view: &View<'_>, decision: &Decision, findings: &mut Vec<Finding>) {
    for (key, mark) in &decision.plan.marks {
        if view.demand.mark(key) == *mark {
            findings.push(Finding::need(Rule::MarksChange, *key, "nothing changes"));
        }
    }
}
