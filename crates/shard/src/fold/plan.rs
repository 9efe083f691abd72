//! Plans: each decision unit is taken whole or dropped whole, with a reason. What holds becomes operations.
//!
//! Everything about a unit is checked before anything of it is written, the rails included, so that no leader can go past
//! them and no unit can be taken by half.

use std::borrow::Cow;
use std::collections::BTreeMap;

use argosy_engine::{Action, ActionKind, Reason, Unit};
use argosy_failpoint::{Planted, planted};
use argosy_model::{Cause, Claim, ClusterIx, Duration, Flags, Machine, MachineIx, NeedKey, ShardTime};
use argosy_notify::Outbox;

use super::Fold;
use crate::command::PlanEntry;
use crate::digest::{Digest, Hasher};
use crate::event::Event;
use crate::operation::{Attempt, Fence, Kind, Operation, OperationId, Progress};
use crate::rails;
use crate::response::{DropReason, PlanTaken, Rejection, Response};
use crate::state::{DECISION_MARKS, ReclaimWindow, ShardState};

/// So many units' machines are looked at side by side.
const LOOK_AHEAD: u32 = 16;

impl Fold<'_> {
    pub(super) fn plan(&mut self, plan: &PlanEntry) -> Result<Response, Rejection> {
        let revision = self.state.revision;
        if plan.based_on > revision {
            return Err(Rejection::FuturePlan { based_on: plan.based_on, revision });
        }
        Ok(Response::Plan(self.take_plan(plan)))
    }

    /// Takes what holds of a plan. Also run by [`ShardState::rehearse`], on a copy.
    pub(crate) fn take_plan(&mut self, plan: &PlanEntry) -> PlanTaken {
        let mut result = PlanTaken::default();
        self.events.reserve(2 * plan.units.iter().map(|unit| unit.actions.len()).sum::<usize>());
        for (at, unit) in (0..).zip(&plan.units) {
            if at % LOOK_AHEAD == 0 {
                let ahead = plan.units.iter().skip(at as usize).take(LOOK_AHEAD as usize);
                self.state.fleet.look_ahead(ahead.flat_map(|unit| &unit.actions).map(|action| action.machine));
            }
            let unit = self.state.taken_by_half(unit);
            match self.take_unit(&unit, plan.based_on, result.opened) {
                Ok(opened) => {
                    result.opened += opened;
                    result.taken += 1;
                }
                Err(reason) => result.dropped.push((at, reason)),
            }
        }
        for (key, mark) in &plan.marks {
            if self.state.is_markable(key) {
                self.state.demand.set_mark(*key, *mark);
            }
        }
        if plan.units.iter().any(|unit| unit.reason == Reason::Consolidate) {
            self.state.consolidation.derive();
        }
        if result.taken > 0 {
            self.state.mark_decision(self.index);
        }
        let counters = &mut self.state.counters;
        counters.plans += u64::from(result.taken > 0);
        counters.units_taken += u64::from(result.taken);
        counters.units_dropped += result.dropped.len() as u64;
        result
    }

    fn take_unit(&mut self, unit: &Unit, based_on: u64, ordinal: u32) -> Result<u32, DropReason> {
        let planned = self.state.check_unit(unit, based_on, ordinal)?;
        let windows = self.state.check_reclaims(unit)?;
        self.check_lanes(unit)?;
        let moves = self.check_moves(unit)?;
        self.state.decisions = self.state.decision_after(unit);
        for (cluster, window) in windows {
            let mut book = self.state.book(cluster);
            book.window = window;
            self.state.books.insert(cluster, book);
        }
        if let Some(book) = moves {
            self.state.consolidation = book;
        }
        let opened = u32::try_from(planned.len()).expect("max_actions bounds a plan");
        for (ordinal, (action, next)) in (ordinal..).zip(planned) {
            self.begin_operation(unit.reason, action, next, ordinal);
        }
        Ok(opened)
    }

    fn begin_operation(&mut self, reason: Reason, action: &Action, next: Machine, ordinal: u32) {
        let ix = action.machine;
        let operation = self.operation(reason, action, ordinal);
        let aside = self.state.fleet.aside(ix);
        let before = self.write(ix, next, aside, Cause::Decided).expect("a checked action is legal");
        assert!(!before.state.is_transitional(), "a decision starts from a stable state");
        self.state.ledger.open(operation);
        self.state.counters.open(operation.kind);
        self.events.push(Event::OperationOpened(operation.id));
    }

    fn operation(&self, reason: Reason, action: &Action, ordinal: u32) -> Operation {
        let now = self.state.now;
        let (assignment, grace, preemptor_priority) = match action.kind {
            ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => (Some(assignment), Duration(0), 0),
            ActionKind::Preempt { grace, preemptor_priority, .. } => (None, grace, preemptor_priority),
            ActionKind::Reclaim { grace } => (None, grace, 0),
            ActionKind::Release => (None, Duration(0), 0),
        };
        let kind = Kind::of(&action.kind);
        let step = kind.first_step();
        Operation {
            id: OperationId { index: self.index, ordinal },
            machine: action.machine,
            kind,
            step,
            assignment,
            grace,
            preemptor_priority,
            reason,
            decided_at: now,
            deadline: now.plus(self.state.settings.limits.of(step, grace)),
            attempt: Attempt {
                number: 1,
                fence: Fence::new(self.state.generation, self.term, self.index),
                not_before: now,
                progress: Progress::Open,
            },
            maybe_executed: false,
        }
    }
}

impl ShardState {
    /// Checks everything about a unit but the reclaim cap, and returns each action with the machine's next record.
    fn check_unit<'a>(
        &self,
        unit: &'a Unit,
        based_on: u64,
        opened: u32,
    ) -> Result<Vec<(&'a Action, Machine)>, DropReason> {
        if let Some(reason) = rails::standstill(&self.settings.policy) {
            return Err(reason);
        }
        if based_on < self.slots_reused_at {
            return Err(DropReason::SlotsReused);
        }
        let mut machines: Vec<MachineIx> = unit.actions.iter().map(|action| action.machine).collect();
        machines.sort_unstable();
        machines.dedup();
        if unit.actions.is_empty() || machines.len() != unit.actions.len() {
            return Err(DropReason::Illegal);
        }
        // A unit that is larger than a whole plan may be goes alone, or it would never go.
        let room = self.settings.policy.max_actions.saturating_sub(opened) as usize;
        if opened > 0 && unit.actions.len() > room {
            return Err(DropReason::TooMany);
        }
        let read = |key: &NeedKey| self.demand.get(key).map(|need| need.version);
        let changed = |(key, version): &(NeedKey, u32)| key.fold == 0 && read(key) != Some(*version);
        if !planted(Planted::UnitRecheckDropped) && unit.needs.iter().any(changed) {
            return Err(DropReason::NeedChanged);
        }
        let checked = unit.actions.iter().map(|action| Ok((action, self.check_action(action)?)));
        let planned: Vec<(&Action, Machine)> = checked.collect::<Result<_, _>>()?;
        self.check_gang(unit, &planned)?;
        Ok(planned)
    }

    /// The unit as it is; with the planted bug, without those of its actions that do not hold.
    fn taken_by_half<'a>(&self, unit: &'a Unit) -> Cow<'a, Unit> {
        if !planted(Planted::GangTakenByHalf) {
            return Cow::Borrowed(unit);
        }
        let mut half = unit.clone();
        half.needs.clear();
        half.actions.retain(|action| self.check_action(action).is_ok());
        Cow::Owned(half)
    }

    /// Checks one action, and returns the machine's next record.
    fn check_action(&self, action: &Action) -> Result<Machine, DropReason> {
        let machine = self.fleet.get(action.machine).ok_or(DropReason::MachineChanged)?;
        if planted(Planted::UnitRecheckDropped) {
            return Ok(machine.moved(Kind::of(&action.kind).first_step().doing(), self.now));
        }
        if self.ledger.on(action.machine).is_some() {
            return Err(DropReason::Busy);
        }
        if machine.version != action.version {
            return Err(DropReason::MachineChanged);
        }
        let step = Kind::of(&action.kind).first_step();
        if machine.state != step.start() {
            return Err(DropReason::Illegal);
        }
        if machine.flags.has(Flags::COOLING) {
            return Err(DropReason::Unusable);
        }
        let next = machine.moved(step.doing(), self.now);
        match action.kind {
            ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => {
                self.check_claim(&assignment.claim)?;
                let usable = machine.is_usable().then_some(super::machines::assigned(next, &assignment));
                usable.ok_or(DropReason::Unusable)
            }
            ActionKind::Preempt { heir, .. } => {
                self.check_claim(&heir)?;
                Ok(Machine { heir: Some(heir), ..next })
            }
            ActionKind::Reclaim { .. } => {
                let heard = machine.cluster().is_some_and(|cluster| self.demand.reporting(cluster).heard);
                heard.then_some(next).ok_or(DropReason::NotHeard)
            }
            ActionKind::Release => {
                let elastic = self.fleet.words.shape_of(machine.shape).capacity_type.is_elastic();
                elastic.then_some(next).ok_or(DropReason::Illegal)
            }
        }
    }

    fn check_claim(&self, claim: &Claim) -> Result<(), DropReason> {
        let words = &self.fleet.words;
        let known = words.has_cluster(claim.cluster)
            && claim.profile.is_none_or(|profile| words.has_profile(profile))
            && claim.group.is_none_or(|group| words.has_group(group));
        known.then_some(()).ok_or(DropReason::Illegal)
    }

    /// The reclaim windows as they are with this unit.
    fn check_reclaims(&self, unit: &Unit) -> Result<BTreeMap<ClusterIx, ReclaimWindow>, DropReason> {
        let mut reclaims: BTreeMap<ClusterIx, u32> = BTreeMap::new();
        if is_capped(unit) {
            let taken = unit.actions.iter().filter(|action| matches!(action.kind, ActionKind::Reclaim { .. }));
            for cluster in taken.filter_map(|action| self.fleet.get(action.machine)?.cluster()) {
                *reclaims.entry(cluster).or_default() += 1;
            }
        }
        reclaims.into_iter().map(|(cluster, n)| Ok((cluster, self.window_with(cluster, n)?))).collect()
    }

    /// Whether decide may remember something of this need: a row of demand, or a folded row of known words.
    fn is_markable(&self, key: &NeedKey) -> bool {
        let words = &self.fleet.words;
        match key.fold {
            0 => self.demand.get(key).is_some(),
            _ => words.has_cluster(key.cluster) && words.has_profile(key.profile) && key.group.is_none(),
        }
    }

    /// Remembers where the chain of decisions stood after the plan at `index`.
    fn mark_decision(&mut self, index: u64) {
        self.decision_marks.push_back((index, self.decisions));
        if self.decision_marks.len() > DECISION_MARKS {
            self.decision_marks.pop_front();
        }
    }

    /// The running hash over decisions, with this unit. It names machines and clusters, not slots and log indexes, so that
    /// equal decisions give equal hashes whatever else the log holds.
    fn decision_after(&self, unit: &Unit) -> Digest {
        let words = &self.fleet.words;
        // Gathered first: a hash over one long run costs a fraction of the same bytes in pieces.
        let mut record = Vec::with_capacity(unit.actions.len() * 96);
        let mut text = |part: &str| {
            record.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            record.extend_from_slice(part.as_bytes());
        };
        // Most machines of a unit have one grace: it is put into words once.
        let (mut last, mut in_words) = (Duration(0), "0".to_owned());
        text(unit.reason.name());
        for action in &unit.actions {
            text(action.kind.name());
            text(self.fleet.id(action.machine));
            let (claim, grace) = match &action.kind {
                ActionKind::Bootstrap(assignment) | ActionKind::Provision(assignment) => {
                    (Some(assignment.claim), Duration(0))
                }
                ActionKind::Preempt { heir, grace, .. } => (Some(*heir), *grace),
                ActionKind::Reclaim { grace } => (self.fleet.machine(action.machine).claim, *grace),
                ActionKind::Release => (None, Duration(0)),
            };
            text(claim.map_or("", |claim| words.cluster_id(claim.cluster)));
            text(claim.and_then(|claim| claim.group).map_or("", |group| words.group_id(group)));
            if grace != last {
                (last, in_words) = (grace, grace.0.to_string());
            }
            text(&in_words);
        }
        let mut hasher = Hasher::default();
        hasher.update(&record);
        self.decisions.chained(&hasher.finish().0)
    }

    /// Runs a plan on a copy, as the entry after the last one, and says what would be taken and dropped.
    pub(crate) fn rehearsed(&self, plan: &PlanEntry, now: ShardTime) -> PlanTaken {
        let mut copy = self.clone();
        copy.now = copy.now.max(now);
        // Nobody is told of what is only tried.
        copy.outbox = Outbox::default();
        let (index, term) = (self.revision + 1, self.leader_term);
        let mut fold = Fold::on(&mut copy, index, term);
        fold.fire_timers();
        fold.take_plan(plan)
    }
}

/// Whether a unit's reclaims count against the cap. Letting go of a gang that could not be put together takes back what
/// was given for nothing; and what a preemption lets go of beside its victims goes by priority, not by surplus.
fn is_capped(unit: &Unit) -> bool {
    let preempts = unit.actions.iter().any(|action| matches!(action.kind, ActionKind::Preempt { .. }));
    match unit.reason {
        Reason::DisbandGang => false,
        Reason::PreemptForPriority => !preempts,
        _ => true,
    }
}
