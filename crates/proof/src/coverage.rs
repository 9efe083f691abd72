//! Coverage: what the cases of a run went through, counted; and what they ought to have.

use std::collections::BTreeMap;
use std::fmt;

use argosy_engine::{Action, ActionKind, Decision, Reason, Unmet};
use argosy_model::{Cause, State, lifecycle};

use crate::case::{Change, Step};
use crate::generate::{LEAST_MACHINES, LEAST_STEPS};
use crate::world::World;

/// Shares of all cases, in percent.
const PREEMPTING: u64 = 30;
const WITH_GANGS: u64 = 20;
const WITH_SPREAD: u64 = 20;
const MOVING: u64 = 8;
const CAPPED: u64 = 4;

/// Rails that were seen at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rail {
    /// More surplus than the cap lets through.
    ReclaimCap,
    /// More actions than a plan may hold.
    PlanSize,
    /// Surplus of a cluster that has not reported.
    FirstReport,
    /// A plan held back by the kill switch.
    KillSwitch,
    /// A plan held back by a dry run.
    DryRun,
}

const RAILS: [Rail; 5] = [Rail::ReclaimCap, Rail::PlanSize, Rail::FirstReport, Rail::KillSwitch, Rail::DryRun];
const REASONS: [Reason; 9] = [
    Reason::CoverDeficit,
    Reason::AssembleGang,
    Reason::MendGang,
    Reason::PreemptForPriority,
    Reason::ReclaimSurplus,
    Reason::DisbandGang,
    Reason::ReleaseIdle,
    Reason::ReleaseCondemned,
    Reason::Consolidate,
];
const UNMET: [Unmet; 6] = [
    Unmet::PriorityStarved,
    Unmet::NoMatchingSupply,
    Unmet::TopologyUnsatisfiable,
    Unmet::PreemptionExhausted,
    Unmet::InFlight,
    Unmet::Parked,
];
const CAUSES: [Cause; 6] =
    [Cause::Decided, Cause::Provider, Cause::Refused, Cause::Lost, Cause::Recovered, Cause::Skipped];

/// What one case went through.
#[derive(Clone, Copy, Debug, Default)]
pub struct CaseCoverage {
    preempts: bool,
    moves: bool,
    is_capped: bool,
    has_gangs: bool,
    has_spread: bool,
}

/// What all cases so far went through.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Cases.
    pub cases: u64,
    /// Changes after which the engines were compared.
    pub changes: u64,
    preempting: u64,
    moving: u64,
    capped: u64,
    with_gangs: u64,
    with_spread: u64,
    folded: u64,
    rests: u64,
    what_ifs: u64,
    fewest_machines: Option<usize>,
    fewest_changes: Option<usize>,
    reasons: BTreeMap<Reason, u64>,
    unmet: BTreeMap<Unmet, u64>,
    rails: BTreeMap<Rail, u64>,
    edges: BTreeMap<(State, State, u8), u64>,
}

impl Coverage {
    /// Notes one comparison.
    pub fn note(&mut self, case: &mut CaseCoverage, world: &World, decision: &Decision) {
        self.changes += 1;
        for unit in &decision.plan.units {
            *self.reasons.entry(unit.reason).or_default() += 1;
            case.moves |= unit.reason == Reason::Consolidate;
        }
        let is_preemption = |action: &Action| matches!(action.kind, ActionKind::Preempt { holder: Some(_), .. });
        case.preempts |= decision.plan.actions().any(is_preemption);
        for verdict in &decision.verdicts {
            let profile = world.fleet.words.profile_of(verdict.key.profile);
            case.has_gangs |= profile.same_key().is_some() && verdict.key.group.is_some();
            case.has_spread |= profile.spread().is_some();
            self.folded += u64::from(verdict.key.fold != 0);
            if let Some(unmet) = verdict.unmet {
                *self.unmet.entry(unmet).or_default() += 1;
            }
        }
        case.is_capped |= decides_by_caps(world, decision);
        self.note_rails(world, decision);
    }

    fn note_rails(&mut self, world: &World, decision: &Decision) {
        let policy = &world.policy;
        let actions = decision.plan.actions().count();
        let planned: u32 = decision.verdicts.iter().map(|v| v.bootstraps + v.provisions + v.victims).sum();
        let mut hit = Vec::new();
        if actions > 0 && policy.kill_switch {
            hit.push(Rail::KillSwitch);
        }
        if actions > 0 && policy.dry_run && !policy.kill_switch {
            hit.push(Rail::DryRun);
        }
        if planned as usize > actions {
            hit.push(Rail::PlanSize);
        }
        let reclaims = decision.plan.units.iter().filter(|unit| unit.reason == Reason::ReclaimSurplus).count();
        let uncapped = argosy_engine::Policy { reclaim_cap_ppm: None, ..policy.clone() };
        if reclaims > 0 && policy.reclaim_cap_ppm.is_some() && self.changes.is_multiple_of(64) {
            let view = argosy_engine::View { policy: &uncapped, ..world.view() };
            if argosy_engine::decide(&view).plan.units.len() > decision.plan.units.len() {
                hit.push(Rail::ReclaimCap);
            }
        }
        let serves_unheard = |(_, machine): (_, &argosy_model::Machine)| {
            machine.state == State::Configured
                && machine.cluster().is_some_and(|cluster| !world.demand.reporting(cluster).heard)
        };
        if world.fleet.iter().any(serves_unheard) {
            hit.push(Rail::FirstReport);
        }
        for rail in hit {
            *self.rails.entry(rail).or_default() += 1;
        }
    }

    /// Notes a step.
    pub fn note_step(&mut self, step: &Step) {
        self.rests += u64::from(step.change == Change::Rest);
        self.what_ifs += u64::from(matches!(step.change, Change::WhatIf(_)));
    }

    /// Notes edges of the lifecycle that were taken.
    pub fn note_edges(&mut self, edges: impl IntoIterator<Item = (State, State, Cause)>) {
        for (from, to, cause) in edges {
            *self.edges.entry((from, to, place(cause))).or_default() += 1;
        }
    }

    /// Notes the end of a case.
    pub fn end(&mut self, case: CaseCoverage, machines: usize, changes: usize) {
        self.cases += 1;
        self.preempting += u64::from(case.preempts);
        self.moving += u64::from(case.moves);
        self.capped += u64::from(case.is_capped);
        self.with_gangs += u64::from(case.has_gangs);
        self.with_spread += u64::from(case.has_spread);
        let fewest = |before: Option<usize>, now: usize| Some(before.map_or(now, |before| before.min(now)));
        self.fewest_machines = fewest(self.fewest_machines, machines);
        self.fewest_changes = fewest(self.fewest_changes, changes);
    }

    /// Adds what another run went through.
    pub fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.changes += other.changes;
        self.preempting += other.preempting;
        self.moving += other.moving;
        self.capped += other.capped;
        self.with_gangs += other.with_gangs;
        self.with_spread += other.with_spread;
        self.folded += other.folded;
        self.rests += other.rests;
        self.what_ifs += other.what_ifs;
        let fewest = |a: Option<usize>, b: Option<usize>| a.into_iter().chain(b).min();
        self.fewest_machines = fewest(self.fewest_machines, other.fewest_machines);
        self.fewest_changes = fewest(self.fewest_changes, other.fewest_changes);
        other.reasons.into_iter().for_each(|(key, n)| *self.reasons.entry(key).or_default() += n);
        other.unmet.into_iter().for_each(|(key, n)| *self.unmet.entry(key).or_default() += n);
        other.rails.into_iter().for_each(|(key, n)| *self.rails.entry(key).or_default() += n);
        other.edges.into_iter().for_each(|(key, n)| *self.edges.entry(key).or_default() += n);
    }

    /// What the cases ought to have gone through and did not; empty if the run is worth its name.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        let mut share = |what: &str, count: u64, percent: u64| {
            if count * 100 < self.cases * percent || self.cases == 0 {
                gaps.push(format!("{count} of {} cases {what}, fewer than {percent} %", self.cases));
            }
        };
        share("preempt", self.preempting, PREEMPTING);
        share("move needs to cheaper machines", self.moving, MOVING);
        share("have a gang that a cap binds", self.capped, CAPPED);
        share("have gangs", self.with_gangs, WITH_GANGS);
        share("have needs that spread", self.with_spread, WITH_SPREAD);
        if self.fewest_machines.is_none_or(|fewest| fewest < LEAST_MACHINES) {
            gaps.push(format!("a case has fewer than {LEAST_MACHINES} machines"));
        }
        if self.fewest_changes.is_none_or(|fewest| fewest < LEAST_STEPS) {
            gaps.push(format!("a case has fewer than {LEAST_STEPS} changes"));
        }
        let some = [
            (self.folded, "no small gangs are folded"),
            (self.rests, "nothing is left alone until it rests"),
            (self.what_ifs, "nothing is tried on a copy"),
        ];
        gaps.extend(some.into_iter().filter(|(count, _)| *count == 0).map(|(_, gap)| gap.to_owned()));
        gaps.extend(REASONS.iter().filter(|r| !self.reasons.contains_key(r)).map(|r| format!("no unit {}", r.name())));
        gaps.extend(UNMET.iter().filter(|u| !self.unmet.contains_key(u)).map(|u| format!("no need {}", u.name())));
        gaps.extend(RAILS.iter().filter(|r| !self.rails.contains_key(r)).map(|r| format!("rail {r:?} not at work")));
        for (from, to, cause) in all_edges() {
            if !self.edges.contains_key(&(from, to, place(cause))) {
                gaps.push(format!("no machine goes from {from:?} to {to:?} by {cause:?}"));
            }
        }
        gaps
    }
}

/// Whether something else would be decided if caps were not looked at.
fn decides_by_caps(world: &World, decision: &Decision) -> bool {
    let view = world.view();
    let is_in_doubt = !view.caps.is_empty() && decision.shortfalls().next().is_some();
    is_in_doubt && argosy_engine::decide(&argosy_engine::View { caps: &[], ..view }) != *decision
}

fn place(cause: Cause) -> u8 {
    let at = CAUSES.iter().position(|other| *other == cause).expect("every cause is listed");
    u8::try_from(at).expect("few causes")
}

/// Every edge of the lifecycle between different states.
fn all_edges() -> impl Iterator<Item = (State, State, Cause)> {
    let pairs = State::ALL.into_iter().flat_map(|from| State::ALL.into_iter().map(move |to| (from, to)));
    let edges = pairs.flat_map(|(from, to)| CAUSES.into_iter().map(move |cause| (from, to, cause)));
    edges.filter(|(from, to, cause)| from != to && lifecycle::is_legal(*from, *to, *cause))
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |count: u64| count * 100 / self.cases.max(1);
        writeln!(f, "cases {}, changes compared {}", self.cases, self.changes)?;
        writeln!(
            f,
            "of the cases {} % preempt, {} % move needs, {} % have a gang that a cap binds, {} % have gangs, {} % have spread; folded rows {}, left to rest {}, tried on a copy {}",
            percent(self.preempting),
            percent(self.moving),
            percent(self.capped),
            percent(self.with_gangs),
            percent(self.with_spread),
            self.folded,
            self.rests,
            self.what_ifs
        )?;
        writeln!(
            f,
            "fewest machines {}, fewest changes {}",
            self.fewest_machines.unwrap_or(0),
            self.fewest_changes.unwrap_or(0)
        )?;
        let line = |counts: Vec<(String, u64)>| {
            counts.into_iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "units: {}", line(self.reasons.iter().map(|(r, n)| (r.name().to_owned(), *n)).collect()))?;
        writeln!(f, "short: {}", line(self.unmet.iter().map(|(u, n)| (u.name().to_owned(), *n)).collect()))?;
        writeln!(f, "rails: {}", line(self.rails.iter().map(|(r, n)| (format!("{r:?}"), *n)).collect()))?;
        let rarest = self.edges.values().min().copied().unwrap_or(0);
        let all = all_edges().count();
        writeln!(f, "edges of the lifecycle: {} of {all}, the rarest {rarest} times", self.edges.len())
    }
}
