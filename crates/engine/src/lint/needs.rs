//! Rules on what needs get: gangs whole, spread kept, nothing for the covered, sums that are right.

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::{Claim, ClusterIx, NeedKey, State, Sym};

use super::{Finding, Rule};
use crate::Decision;
use crate::cycle::Cycle;
use crate::plan::{Action, ActionKind, Reason, Unit, Verdict};
use crate::rows::{Row, RowIx};
use crate::yardstick::{Amounts, add, cover, covers, is_covered};

pub(super) fn check(cycle: &Cycle, decision: &Decision, findings: &mut Vec<Finding>) {
    let rows: BTreeMap<NeedKey, RowIx> = cycle.row_ixs().map(|row| (cycle.row(row).key, row)).collect();
    let gains = gains(cycle, decision, &rows);
    for unit in &decision.plan.units {
        if matches!(unit.reason, Reason::AssembleGang | Reason::MendGang) {
            check_gang(cycle, unit, &rows, findings);
        }
    }
    let displaceable = displaceable(cycle);
    for (row, actions) in &gains {
        let is_move = |gain: &Gain<'_>| decision.plan.units[gain.unit].reason == Reason::Consolidate;
        let actions: Vec<&Gain<'_>> = actions.iter().filter(|gain| !is_move(gain)).collect();
        let is_given_enough = is_covered(&cycle.standing(*row).short) && !displaceable.contains(row);
        if is_given_enough && !actions.is_empty() {
            let key = cycle.row(*row).key;
            findings.push(Finding::need(Rule::NoActionWhenCovered, key, format!("{} actions", actions.len())));
        }
    }
    let is_cut = decision.left_out > 0;
    for verdict in &decision.verdicts {
        let Some(row) = rows.get(&verdict.key) else {
            findings.push(Finding::need(Rule::Residuals, verdict.key, "a verdict on a need that is not there"));
            continue;
        };
        let none = Vec::new();
        let gains = gains.get(row).unwrap_or(&none);
        // A gang may give back in its turn what it was credited with, others then get it, and rows before one may take some of
        // it: only where a row has what the credit gave it do sums start there, and is the credit what new machines must be
        // even with.
        if verdict.claimed == cycle.standing(*row).claimed() && !displaceable.contains(row) {
            check_short(cycle, *row, verdict, gains, is_cut, findings);
            check_spread(cycle, *row, gains, findings);
        }
        check_counts(verdict, gains, is_cut, findings);
    }
}

/// A machine gained, and the position in the plan of the unit that gains it.
struct Gain<'d> {
    unit: usize,
    action: &'d Action,
}

/// For whom an action gains a machine.
fn gain(action: &Action) -> Option<Claim> {
    match &action.kind {
        ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => Some(assignment.claim),
        ActionKind::Preempt { heir, .. } => Some(*heir),
        ActionKind::Reclaim { .. } | ActionKind::Release => None,
    }
}

/// The row that a unit was decided for: the one that stands for the needs it names under the claim it acquires with.
fn row_of(cycle: &Cycle, unit: &Unit, claim: &Claim, rows: &BTreeMap<NeedKey, RowIx>) -> Option<RowIx> {
    let (key, _) = unit.needs.first()?;
    let stands_for = |row: &RowIx| cycle.row(*row).members.iter().any(|(member, _)| member == key);
    match rows.get(key) {
        Some(row) => Some(*row),
        None => {
            let from = NeedKey { cluster: claim.cluster, profile: claim.profile?, group: claim.group, fold: 0 };
            let folded = rows.range(from..).take_while(|(k, _)| k.profile == from.profile && k.cluster == from.cluster);
            folded.map(|(_, row)| *row).find(stands_for)
        }
    }
}

fn gains<'d>(cycle: &Cycle, decision: &'d Decision, rows: &BTreeMap<NeedKey, RowIx>) -> BTreeMap<RowIx, Vec<Gain<'d>>> {
    let mut gains: BTreeMap<RowIx, Vec<Gain<'_>>> = BTreeMap::new();
    for (at, unit) in decision.plan.units.iter().enumerate() {
        for action in &unit.actions {
            if let Some(row) = gain(action).and_then(|claim| row_of(cycle, unit, &claim, rows)) {
                gains.entry(row).or_default().push(Gain { unit: at, action });
            }
        }
    }
    gains
}

/// What an action's machine counts for, and the value of a topology key there.
fn gained(cycle: &Cycle, row: RowIx, action: &Action, key: Option<Sym>) -> (Amounts, Option<Sym>) {
    let fleet = &cycle.view.fleet;
    let shape = fleet.words.shape_of(fleet.machine(action.machine).shape);
    (cycle.standing(row).yard.measure(&shape.resources), key.and_then(|key| fleet.words.attribute(shape, key)))
}

/// Everything that a gang gains lies in one domain; and where it is put together, that and what its cluster has there
/// make it whole.
fn check_gang(cycle: &Cycle, unit: &Unit, rows: &BTreeMap<NeedKey, RowIx>, findings: &mut Vec<Finding>) {
    let Some(row) = unit.needs.first().and_then(|(key, _)| rows.get(key)).copied() else { return };
    let asked: &Row = cycle.row(row);
    let key = asked.profile.same_key();
    let mut sum: Amounts = cycle.standing(row).yard.want().iter().map(|_| 0).collect();
    let mut domains = Vec::new();
    for action in unit.actions.iter().filter(|action| gain(action) == Some(asked.claim())) {
        let (amounts, domain) = gained(cycle, row, action, key);
        add(&mut sum, &amounts, 1);
        domains.push(domain);
    }
    domains.dedup();
    if domains.len() != 1 {
        findings.push(Finding::need(Rule::GangWhole, asked.key, "it gains machines in several domains"));
        return;
    }
    for state in [State::Configured, State::Configuring, State::Creating, State::Draining] {
        for (class, members) in cycle.view.fleet.classes().in_state(state) {
            let there =
                cycle.view.fleet.words.attribute(cycle.view.fleet.words.shape_of(class.shape), key.expect("a gang"));
            let counts = match state {
                State::Configured | State::Configuring => class.cluster == Some(asked.key.cluster),
                State::Creating => class.claim() == Some(asked.claim()),
                _ => class.heir == Some(asked.claim()),
            };
            if counts && there == domains[0] && class.is_cover() {
                let shape = cycle.view.fleet.words.shape_of(class.shape);
                add(&mut sum, &cycle.standing(row).yard.measure(&shape.resources), members.len() as u64);
            }
        }
    }
    if unit.reason == Reason::AssembleGang && !covers(&sum, cycle.standing(row).yard.want()) {
        findings.push(Finding::need(Rule::GangWhole, asked.key, "what it gains does not make it whole"));
    }
}

/// One unit after the other, no machine goes to a domain that then stands out: that has more than the emptiest domain
/// where the row has any, and the skew. Within a unit the order does not matter: it is taken whole.
fn check_spread(cycle: &Cycle, row: RowIx, gains: &[Gain<'_>], findings: &mut Vec<Finding>) {
    let asked = cycle.row(row);
    let Some(spread) = asked.profile.spread() else { return };
    let mut counts: BTreeMap<Sym, u32> = cycle.standing(row).counts.iter().filter(|(_, count)| *count > 0).collect();
    for unit in gains.chunk_by(|a, b| a.unit == b.unit) {
        let domains = unit.iter().filter_map(|gain| gained(cycle, row, gain.action, Some(spread.key)).1);
        let domains: Vec<Sym> = domains.collect();
        // A first machine in a domain makes that the emptiest; it is measured against those before it.
        let before = counts.values().copied().min().unwrap_or(0);
        for domain in &domains {
            *counts.entry(*domain).or_default() += 1;
        }
        let fewest = counts.values().copied().min().unwrap_or(0).max(before);
        if domains.iter().any(|domain| counts[domain] > fewest + spread.max_skew) {
            findings.push(Finding::need(Rule::SpreadKept, asked.key, format!("{counts:?}")));
            return;
        }
    }
}

/// Rows that may lose machines in the course of the cycle: a row of their cluster before them is short.
fn displaceable(cycle: &Cycle) -> BTreeSet<RowIx> {
    let mut short: BTreeSet<ClusterIx> = BTreeSet::new();
    let mut found = BTreeSet::new();
    for row in cycle.row_ixs() {
        let cluster = cycle.row(row).key.cluster;
        if short.contains(&cluster) {
            found.insert(row);
        } else if cycle.standing(row).is_short() {
            short.insert(cluster);
        }
    }
    found
}

fn check_counts(verdict: &Verdict, gains: &[Gain<'_>], is_cut: bool, findings: &mut Vec<Finding>) {
    let count = |of: fn(&ActionKind) -> bool| {
        u32::try_from(gains.iter().filter(|gain| of(&gain.action.kind)).count()).expect("slots are 32 bits wide")
    };
    let planned = [
        count(|kind| matches!(kind, ActionKind::Bootstrap(_))),
        count(|kind| matches!(kind, ActionKind::Provision(_))),
        count(|kind| matches!(kind, ActionKind::Preempt { .. })),
    ];
    let said = [verdict.bootstraps, verdict.provisions, verdict.victims];
    let agree = if is_cut { planned.iter().zip(&said).all(|(p, s)| p <= s) } else { planned == said };
    if !agree {
        let detail = format!("the plan has {planned:?}, the verdict says {said:?}");
        findings.push(Finding::need(Rule::Residuals, verdict.key, detail));
    }
}

fn check_short(
    cycle: &Cycle,
    row: RowIx,
    verdict: &Verdict,
    gains: &[Gain<'_>],
    is_cut: bool,
    findings: &mut Vec<Finding>,
) {
    let standing = cycle.standing(row);
    if !is_cut && !cycle.row(row).is_atomic() {
        let mut short = standing.short.clone();
        for gain in gains {
            cover(&mut short, &gained(cycle, row, gain.action, None).0, 1);
        }
        if standing.yard.as_resources(&short) != verdict.residual {
            findings.push(Finding::need(Rule::Residuals, verdict.key, "the residual is not what is missing"));
        }
    }
}
