//! Rules on what is taken from whom: by this cycle's credit, class by class.

use std::collections::BTreeMap;

use argosy_model::fleet::Class;

use super::{Finding, Rule};
use crate::Decision;
use crate::cycle::Cycle;
use crate::plan::{ActionKind, Reason};
use crate::supply::Stock;

/// What a plan takes out of one class.
#[derive(Default)]
struct Taken {
    /// By the claimant's priority.
    victims: BTreeMap<i32, u32>,
    surplus: u32,
}

pub(super) fn check(cycle: &Cycle, decision: &Decision, findings: &mut Vec<Finding>) {
    let fleet = &cycle.view.fleet;
    let mut by_class: BTreeMap<Class, Taken> = BTreeMap::new();
    for unit in &decision.plan.units {
        let claimant = unit.actions.iter().find_map(|action| match &action.kind {
            ActionKind::Preempt { preemptor_priority, .. } => Some(*preemptor_priority),
            _ => None,
        });
        for action in &unit.actions {
            let taken = by_class.entry(Class::of(fleet.machine(action.machine))).or_default();
            match &action.kind {
                ActionKind::Preempt { heir, holder, preemptor_priority, .. } => {
                    let priority = |profile| fleet.words.profile_of(profile).priority;
                    let is_heirs = heir.profile.map(priority) == Some(*preemptor_priority);
                    if !is_heirs || holder.is_some_and(|holder| priority(holder.profile) >= *preemptor_priority) {
                        let detail = "its holder's priority is not below the claimant's";
                        findings.push(Finding::machine(Rule::VictimsStrictlyLower, action.machine, detail));
                    }
                    *taken.victims.entry(*preemptor_priority).or_default() += 1;
                }
                ActionKind::Reclaim { .. } => match claimant.filter(|_| unit.reason != Reason::ReclaimSurplus) {
                    // The rest of a gang that goes with its members.
                    Some(priority) => *taken.victims.entry(priority).or_default() += 1,
                    None => taken.surplus += 1,
                },
                _ => {}
            }
        }
    }
    for (class, taken) in &by_class {
        if let Some(stock) = cycle.supply.find(class) {
            check_class(cycle, stock, taken, findings);
        }
    }
}

/// Takes no more out of a class than is left when everybody entitled has kept his part. A gang's part is left out: it may
/// give up what is not its own in the course of the cycle, and what is its own goes only as a whole.
fn check_class(cycle: &Cycle, stock: &Stock, taken: &Taken, findings: &mut Vec<Finding>) {
    let members = stock.total;
    let firm = |floor: Option<i32>| -> u32 {
        let entitled = stock.claims.iter().filter(|(row, _)| {
            let row = cycle.row(*row);
            let is_own = stock.class.claim() == Some(row.claim());
            (!row.is_atomic() || is_own) && floor.is_none_or(|floor| row.profile.priority >= floor)
        });
        entitled.map(|(_, count)| *count).sum()
    };
    let of_class = cycle.view.fleet.classes().members(stock.class);
    let first = *of_class.and_then(|members| members.iter().next()).expect("a class has members");
    // What claimants up to some priority take comes from holders below it.
    let mut victims = 0;
    for (priority, count) in &taken.victims {
        victims += count;
        if victims + firm(Some(*priority)) > members {
            let detail = format!("{victims} machines like it are taken from needs that are not below");
            findings.push(Finding::machine(Rule::VictimsStrictlyLower, first, detail));
            break;
        }
    }
    if taken.surplus + firm(None) > members {
        let detail = format!("{} machines like it are reclaimed, and needs hold them", taken.surplus);
        findings.push(Finding::machine(Rule::ReclaimsSurplusOnly, first, detail));
    }
}
