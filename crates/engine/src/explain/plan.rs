//! What a plan does, by phase and reason, and how it differs from another one.

use std::collections::BTreeMap;

use argosy_model::{Claim, Fleet, MachineIx, State};
use serde::{Deserialize, Serialize};

use super::Explainer;
use crate::plan::{Action, ActionKind, Decision, Reason, Unit};
use crate::rows::RowIx;
use crate::{Policy, View};

/// Most lines of a plan, and of each part of a difference, that are told one by one.
pub const MAX_LINES: usize = 200;

/// A safety limit that acts on what was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rail {
    /// Nothing that is decided is carried out.
    KillSwitch,
    /// What is decided is counted, and not carried out.
    DryRun,
    /// The plan is as large as it may be; the rest waits for the next.
    PlanSize,
    /// No more of a cluster's machines may be reclaimed in this window.
    ReclaimCap,
    /// The cluster's last roll-up looked like an accident and is held back: its needs are those of the one before.
    Quarantine,
}

impl Rail {
    /// Its name in traces and APIs.
    pub fn name(self) -> &'static str {
        match self {
            Self::KillSwitch => "kill_switch",
            Self::DryRun => "dry_run",
            Self::PlanSize => "plan_size",
            Self::ReclaimCap => "reclaim_cap",
            Self::Quarantine => "quarantine",
        }
    }
}

/// What a plan does for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    /// Which phase: 1 assign, 2 preempt, 3 reclaim, 4 consolidate. What a gang being assembled takes from others is in phase 1 with it.
    pub phase: u8,
    /// Why: cover_deficit, assemble_gang, mend_gang, preempt_for_priority, reclaim_surplus, disband_gang, release_idle, release_condemned,
    /// consolidate.
    pub reason: String,
    /// How many decision units.
    pub units: u32,
    /// How many actions, by kind: Bootstrap, Provision, Preempt, Reclaim, Delete.
    pub actions: BTreeMap<String, u32>,
    /// How many machines those get for the needs that they were decided for.
    pub gained: u32,
}

/// One action of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanLine {
    /// The machine.
    pub machine: String,
    /// Bootstrap, Provision, Preempt, Reclaim or Delete.
    pub action: String,
    /// Why: see [`Acted::reason`].
    pub reason: String,
    /// For which cluster; empty if it is only given back.
    pub cluster: String,
    /// For which gang; empty if for none.
    pub group: String,
    /// From which cluster it is taken; empty if it is free.
    pub from_cluster: String,
}

/// What the machines of a fleet cost for an hour, millionths of a dollar. Slots and failed machines cost nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// As the fleet is.
    pub now_microusd_per_hour: u64,
    /// Once the plan is carried out.
    pub after_plan_microusd_per_hour: u64,
}

/// Everything about one plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanExplanation {
    /// How many actions it has.
    pub actions: u32,
    /// By phase and reason.
    pub acted: Vec<Acted>,
    /// The first [`MAX_LINES`] actions, in order.
    pub lines: Vec<PlanLine>,
    /// How many actions the limit on a plan's size leaves for the next.
    pub left_out: u32,
    /// The rails that act on it.
    pub rails: Vec<Rail>,
    /// What the fleet costs before and after.
    pub cost: Cost,
    /// How many needs stay short.
    pub short: u32,
    /// The same by reason.
    pub short_by_reason: BTreeMap<String, u32>,
    /// How it differs from the plan before; absent if there was none.
    pub diff: Option<PlanDiff>,
}

/// How a plan differs from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDiff {
    /// How many actions both have.
    pub stayed: u32,
    /// How many only the later has.
    pub came: u32,
    /// How many only the earlier has.
    pub went: u32,
    /// The first [`MAX_LINES`] of those that came, by machine.
    pub first_came: Vec<PlanLine>,
    /// The first [`MAX_LINES`] of those that went, by machine.
    pub first_went: Vec<PlanLine>,
}

impl PlanExplanation {
    /// Explains a decision on a view.
    pub fn of(view: &View<'_>, decision: &Decision) -> Self {
        let mut short_by_reason = BTreeMap::new();
        for verdict in decision.shortfalls() {
            let reason = verdict.unmet.map_or("unknown", crate::Unmet::name);
            *short_by_reason.entry(reason.to_owned()).or_default() += 1;
        }
        let lines = lines(view.fleet, decision);
        Self {
            actions: count(decision.plan.actions().count()),
            acted: acted(decision.plan.units.iter()),
            lines: lines.take(MAX_LINES).collect(),
            left_out: decision.left_out,
            rails: rails(view.policy, decision),
            cost: Cost::of(view.fleet, decision),
            short: short_by_reason.values().sum(),
            short_by_reason,
            diff: None,
        }
    }
}

impl PlanDiff {
    /// Compares what two decisions do, each on its own fleet. An action is the same if it does the same to the same machine
    /// for the same need and reason.
    pub fn between(before: (&Fleet, &Decision), after: (&Fleet, &Decision)) -> Self {
        let mut old: Vec<PlanLine> = lines(before.0, before.1).collect();
        let mut new: Vec<PlanLine> = lines(after.0, after.1).collect();
        old.sort_unstable();
        new.sort_unstable();
        let came: Vec<&PlanLine> = new.iter().filter(|line| old.binary_search(line).is_err()).collect();
        let went: Vec<&PlanLine> = old.iter().filter(|line| new.binary_search(line).is_err()).collect();
        let first = |lines: &[&PlanLine]| lines.iter().take(MAX_LINES).map(|line| (*line).clone()).collect();
        Self {
            stayed: count(new.len() - came.len()),
            came: count(came.len()),
            went: count(went.len()),
            first_came: first(&came),
            first_went: first(&went),
        }
    }
}

impl Cost {
    /// What a fleet costs before and after a decision.
    pub fn of(fleet: &Fleet, decision: &Decision) -> Self {
        let price = |machine: MachineIx| u128::from(fleet.words.shape_of(fleet.machine(machine).shape).price.0);
        let paid = fleet.classes().iter().filter(|(class, _)| is_paid(class.state));
        let now: u128 = paid
            .map(|(class, members)| u128::from(fleet.words.shape_of(class.shape).price.0) * members.len() as u128)
            .sum();
        let (mut more, mut less) = (0, 0);
        for action in decision.plan.actions() {
            match action.kind {
                ActionKind::Provision(_) => more += price(action.machine),
                ActionKind::Release => less += price(action.machine),
                _ => {}
            }
        }
        let whole = |amount: u128| u64::try_from(amount).unwrap_or(u64::MAX);
        Self { now_microusd_per_hour: whole(now), after_plan_microusd_per_hour: whole(now + more - less) }
    }
}

fn is_paid(state: State) -> bool {
    !matches!(state, State::Speculative | State::Failed)
}

/// The actions of a plan in words, in order.
fn lines<'d>(fleet: &'d Fleet, decision: &'d Decision) -> impl Iterator<Item = PlanLine> + 'd {
    let units = decision.plan.units.iter();
    units.flat_map(move |unit| unit.actions.iter().map(move |action| line(fleet, unit, action)))
}

fn line(fleet: &Fleet, unit: &Unit, action: &Action) -> PlanLine {
    let words = &fleet.words;
    let claim = claim(&action.kind);
    let from = fleet.machine(action.machine).cluster();
    PlanLine {
        machine: fleet.id(action.machine).to_owned(),
        action: action.kind.name().to_owned(),
        reason: unit.reason.name().to_owned(),
        cluster: claim.map(|claim| words.cluster_id(claim.cluster).to_owned()).unwrap_or_default(),
        group: claim.and_then(|claim| claim.group).map(|group| words.group_id(group).to_owned()).unwrap_or_default(),
        from_cluster: from.map(|cluster| words.cluster_id(cluster).to_owned()).unwrap_or_default(),
    }
}

/// For whom an action gets a machine.
fn claim(kind: &ActionKind) -> Option<Claim> {
    match kind {
        ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => Some(assignment.claim),
        ActionKind::Preempt { heir, .. } => Some(*heir),
        ActionKind::Reclaim { .. } | ActionKind::Release => None,
    }
}

/// The phase in which a unit was decided.
pub(super) fn phase(reason: Reason) -> u8 {
    match reason {
        Reason::CoverDeficit | Reason::AssembleGang | Reason::MendGang => 1,
        Reason::PreemptForPriority => 2,
        Reason::ReclaimSurplus | Reason::DisbandGang | Reason::ReleaseIdle | Reason::ReleaseCondemned => 3,
        Reason::Consolidate => 4,
    }
}

fn acted<'d>(units: impl Iterator<Item = &'d Unit>) -> Vec<Acted> {
    let mut by_reason: BTreeMap<(u8, Reason), Acted> = BTreeMap::new();
    for unit in units {
        let (phase, reason) = (phase(unit.reason), unit.reason.name().to_owned());
        let acted = by_reason.entry((phase, unit.reason)).or_insert_with(|| Acted {
            phase,
            reason,
            units: 0,
            actions: BTreeMap::new(),
            gained: 0,
        });
        acted.units += 1;
        for action in &unit.actions {
            *acted.actions.entry(action.kind.name().to_owned()).or_default() += 1;
            acted.gained += u32::from(claim(&action.kind).is_some());
        }
    }
    by_reason.into_values().collect()
}

fn rails(policy: &Policy, decision: &Decision) -> Vec<Rail> {
    let acts = !decision.plan.units.is_empty();
    let all = [
        (Rail::KillSwitch, policy.kill_switch && acts),
        (Rail::DryRun, policy.dry_run && acts),
        (Rail::PlanSize, decision.left_out > 0),
    ];
    all.into_iter().filter(|(_, on)| *on).map(|(rail, _)| rail).collect()
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Explainer {
    /// What this cycle's plan does for a row.
    pub(super) fn acted_for(&self, row: RowIx) -> Vec<Acted> {
        let is_meant = |unit: &&Unit| unit.needs.iter().any(|(key, _)| self.cycle.rows.find(key) == Some(row));
        acted(self.decision.plan.units.iter().filter(is_meant))
    }

    /// The rails that stand between a need and what it lacks, or what this plan gets it.
    pub(super) fn rails_against(&self, row: RowIx, acted: &[Acted], put_off: u32) -> Vec<Rail> {
        let (policy, cluster) = (&self.cycle.view.policy, self.cycle.row(row).key.cluster);
        let gains = acted.iter().any(|acted| acted.gained > 0);
        let all = [
            (Rail::KillSwitch, policy.kill_switch && gains),
            (Rail::DryRun, policy.dry_run && gains),
            (Rail::PlanSize, put_off > 0),
            (Rail::Quarantine, self.cycle.view.demand.reporting(cluster).quarantined > 0),
        ];
        all.into_iter().filter(|(_, on)| *on).map(|(rail, _)| rail).collect()
    }
}
