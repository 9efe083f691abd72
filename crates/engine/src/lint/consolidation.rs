//! Rules on moves to cheaper machines: allowed, within their limits, worth their cost, and never at the expense of cover.
//!
//! A move is judged by what becomes of it: the row's machines and those that it gets, in keep order, cover it as the credit will
//! cover it once all of them serve; what is not needed then goes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use argosy_model::money::effective_cost;
use argosy_model::{Bucket, Claim, ClusterIx, MicroUsd, NeedKey, Shape, State};

use super::{Finding, Rule};
use crate::Decision;
use crate::consolidation::{Consolidation, Per};
use crate::cycle::Cycle;
use crate::plan::{Action, ActionKind, Reason, Unit};
use crate::rows::RowIx;
use crate::standing::Kind;
use crate::stock::attributed;
use crate::yardstick::{cover, is_covered, useful};

/// Machines of one kind that a row has, or gets.
struct Held<'a> {
    /// As in keep order: the cheapest first, then what is paid for anyway, then those that were dearest to give up.
    order: (MicroUsd, bool, Reverse<Bucket>),
    shape: &'a Shape,
    count: u64,
    /// What it costs the row in an hour.
    cost: u128,
    is_new: bool,
}

pub(super) fn check(cycle: &Cycle, decision: &Decision, findings: &mut Vec<Finding>) {
    let mut moves: BTreeMap<NeedKey, Vec<&Action>> = BTreeMap::new();
    for unit in decision.plan.units.iter().filter(|unit| unit.reason == Reason::Consolidate) {
        match (&unit.needs[..], made(unit)) {
            ([(key, _)], Some(action)) => moves.entry(*key).or_default().push(action),
            _ => {
                let detail = "a move that does something else than acquire one machine for one need";
                findings.push(Finding::plan(Rule::MadeBeforeBroken, detail));
            }
        }
    }
    if moves.is_empty() {
        return;
    }
    let Some(rules) = &cycle.view.consolidation else {
        findings.push(Finding::plan(Rule::MovesAllowed, "consolidation is off"));
        return;
    };
    check_budget(cycle, rules, &moves, findings);
    for (key, actions) in &moves {
        let Some(row) = cycle.rows.find(key).filter(|row| cycle.row(*row).key == *key) else {
            findings.push(Finding::need(Rule::MovesAllowed, *key, "it is folded with others"));
            continue;
        };
        match own(cycle, row) {
            Ok(own) => check_row(cycle, rules, row, own, actions, findings),
            Err(why) => findings.push(Finding::need(Rule::MovesAllowed, *key, why)),
        }
    }
}

/// The one machine that a unit acquires, if it does nothing else.
fn made(unit: &Unit) -> Option<&Action> {
    let [action] = &unit.actions[..] else { return None };
    matches!(action.kind, ActionKind::Bootstrap(_) | ActionKind::Provision(_)).then_some(action)
}

fn check_budget(
    cycle: &Cycle,
    rules: &Consolidation,
    moves: &BTreeMap<NeedKey, Vec<&Action>>,
    findings: &mut Vec<Finding>,
) {
    let fleet = &cycle.view.fleet;
    for brake in &rules.brakes {
        let mut planned: BTreeMap<Option<ClusterIx>, (ClusterIx, usize)> = BTreeMap::new();
        for (key, actions) in moves {
            planned.entry(brake.per.domain(key.cluster)).or_insert((key.cluster, 0)).1 += actions.len();
        }
        for (cluster, count) in planned.into_values() {
            let room = brake.room(cluster, fleet);
            if count > room as usize {
                let whole = if brake.per == Per::Shard { "the shard" } else { "a cluster" };
                findings.push(Finding::plan(Rule::MovesBudget, format!("{count} moves in {whole}, room for {room}")));
            }
        }
    }
}

/// Everything that bears a row's claim, if all of it serves and covers it and the row may be moved at all.
fn own<'a>(cycle: &'a Cycle, row: RowIx) -> Result<Vec<Held<'a>>, &'static str> {
    let (asked, standing) = (cycle.row(row), cycle.standing(row));
    if standing.kind != Kind::Plain || asked.key.fold != 0 {
        return Err("its machines must lie in certain domains");
    }
    if standing.is_short() {
        return Err("it is short");
    }
    if [asked.profile.interruption, asked.profile.reclamation].contains(&Bucket::PINNED) {
        return Err("it is pinned");
    }
    let claim: Claim = asked.claim();
    let mut own = Vec::new();
    for (class, members) in cycle.view.fleet.classes().iter().filter(|(class, _)| attributed(class) == Some(claim)) {
        let with_row = |stock: &crate::supply::Stock| {
            stock.claims.iter().filter(|(holder, _)| *holder == row).map(|(_, count)| *count as usize).sum()
        };
        if class.state != State::Configured || cycle.supply.find(&class).map_or(0, with_row) != members.len() {
            return Err("a move is under way for it, or somebody else has a machine of its own");
        }
        let shape = &**cycle.catalogue.shape(class.shape);
        let order = keep_order(shape, class.reclamation);
        let cost = cost(shape, !shape.capacity_type.is_elastic(), asked.profile.interruption);
        own.push(Held { order, shape, count: members.len() as u64, cost, is_new: false });
    }
    Ok(own)
}

fn check_row<'a>(
    cycle: &'a Cycle,
    rules: &Consolidation,
    row: RowIx,
    mut held: Vec<Held<'a>>,
    actions: &[&Action],
    findings: &mut Vec<Finding>,
) {
    let asked = cycle.row(row);
    let fleet = &cycle.view.fleet;
    for action in actions {
        let machine = fleet.machine(action.machine);
        let shape = &**cycle.catalogue.shape(machine.shape);
        let is_paid_for = machine.state == State::Idle && !shape.capacity_type.is_elastic();
        let cost = cost(shape, is_paid_for, asked.profile.interruption);
        let order = keep_order(shape, asked.profile.reclamation);
        held.push(Held { order, shape, count: 1, cost, is_new: true });
    }
    held.sort_by_key(|held| held.order);
    let yard = &cycle.standing(row).yard;
    let mut short = yard.want().clone();
    let (mut saved, mut spent, mut wasted) = (0_u128, 0_u128, 0);
    for held in &held {
        let machine = yard.measure(&held.shape.resources);
        let kept = useful(&short, &machine).min(held.count);
        cover(&mut short, &machine, kept);
        let goes = held.count - kept;
        match held.is_new {
            true => (spent, wasted) = (spent + held.cost * u128::from(held.count), wasted + goes),
            false => saved += held.cost * u128::from(goes),
        }
    }
    if !is_covered(&short) || wasted > 0 {
        let detail = "what it gets does not stand in for what it would lose";
        findings.push(Finding::need(Rule::MovesKeepCover, asked.key, detail));
    }
    let gain = saved.saturating_sub(spent) / actions.len() as u128;
    if !rules.is_worth(gain, asked.profile.reclamation.upper_bound()) {
        let detail = format!("{} moves save {saved} and cost {spent} an hour", actions.len());
        findings.push(Finding::need(Rule::MovesSave, asked.key, detail));
    }
}

fn keep_order(shape: &Shape, reclamation: Bucket) -> (MicroUsd, bool, Reverse<Bucket>) {
    (shape.price, shape.capacity_type.is_elastic(), Reverse(reclamation))
}

/// What a machine costs in an hour, with what its interruption is expected to cost.
fn cost(shape: &Shape, is_paid_for: bool, interruption: Bucket) -> u128 {
    let price = if is_paid_for { MicroUsd(0) } else { shape.price };
    effective_cost(price, shape.interruption, interruption.upper_bound())
}
