//! Lanes: creations that fail and succeed move their breakers, and slots beyond what a lane may take are held back.

use std::collections::{BTreeMap, BTreeSet};

use argosy_engine::{Action, ActionKind, Unit};
use argosy_model::{Flags, MachineIx, ShapeIx, ShardTime, State};
use argosy_pool::LanePolicy;

use super::Fold;
use crate::command::By;
use crate::event::Event;
use crate::lanes::{BreakerState, Lane, LaneName, LaneRecord, Trouble};
use crate::operation::{Operation, Step};
use crate::plant::{Bug, planted};
use crate::response::{DropReason, Rejection, Response};
use crate::state::ShardState;

/// The free slots of one shape: those on offer, and those held back.
#[derive(Default)]
struct Pile {
    shown: Vec<MachineIx>,
    hidden: Vec<MachineIx>,
}

impl Fold<'_> {
    pub(super) fn set_lane_policy(&mut self, policy: Option<LanePolicy>, by: By) -> Result<Response, Rejection> {
        let policy = policy.unwrap_or_default();
        if let Some(fault) = policy.faults().first() {
            return Err(Rejection::Setting { why: fault.to_string().as_str().into() });
        }
        let act = format!("set lanes {policy:?}");
        // Whatever the old quotas held back is looked at once more.
        self.stirred.extend(self.state.all_lanes());
        self.state.lanes.set_policy(policy, self.index);
        Ok(self.audit(act, by))
    }

    /// Closes a breaker by hand, or all of them.
    pub(super) fn close_lanes(&mut self, lane: Option<&LaneName>, by: By) -> Response {
        let words = &self.state.fleet.words;
        let is_meant = |shut: &Lane| lane.is_none_or(|lane| shut.name(words) == *lane);
        let meant: Vec<Lane> = self.state.lanes.shut().filter(is_meant).collect();
        let names: Vec<String> = meant.iter().map(|lane| lane.name(words).to_string()).collect();
        meant.into_iter().for_each(|lane| self.move_breaker(lane, None));
        let closed = if names.is_empty() { "none was open".to_owned() } else { names.join(", ") };
        self.audit(format!("close breakers of lanes: {closed}"), by)
    }

    /// A creation was refused, or not answered.
    pub(super) fn creation_failed(&mut self, operation: &Operation, trouble: Option<Trouble>) {
        let Some(trouble) = trouble.filter(|_| operation.step == Step::Create) else { return };
        let lane = self.state.lane_of(operation.machine);
        let state = &*self.state;
        let name = lane.name(&state.fleet.words);
        let known = state.lanes.record(lane).copied();
        let policy = &state.lanes.policy().breaker;
        let record = LaneRecord::refused(known, trouble, state.now, policy, (state.shard(), &name));
        self.move_breaker(lane, Some(record));
    }

    /// A creation succeeded: whatever was held against its lane is forgotten.
    pub(super) fn creation_succeeded(&mut self, machine: MachineIx) {
        if self.state.lanes.is_blameless() {
            return;
        }
        let lane = self.state.lane_of(machine);
        if self.state.lanes.record(lane).is_some() {
            self.move_breaker(lane, None);
        }
    }

    /// Lets a probe through wherever a breaker has been open for long enough.
    pub(super) fn half_open_lanes(&mut self) {
        while let Some(lane) = self.state.lanes.overdue(self.state.now) {
            let record = *self.state.lanes.record(lane).expect("what is due is remembered");
            self.move_breaker(lane, Some(LaneRecord { breaker: BreakerState::HalfOpen, ..record }));
        }
    }

    /// With the planted bug, a new leader begins without what the last one had learnt.
    pub(super) fn forget_breakers(&mut self) {
        if planted(Bug::BreakerForgotten) {
            self.stirred.extend(self.state.lanes.shut());
            self.state.lanes.forget();
        }
    }

    fn move_breaker(&mut self, lane: Lane, record: Option<LaneRecord>) {
        let breaker = |record: Option<&LaneRecord>| record.map_or(BreakerState::Closed, |record| record.breaker);
        let (from, to) = (breaker(self.state.lanes.record(lane)), breaker(record.as_ref()));
        self.state.lanes.put(lane, record);
        if from == to {
            return;
        }
        self.stirred.insert(lane);
        self.events.push(Event::LaneMoved { lane, to });
    }

    /// Whether a unit buys more in some lane than that may take now.
    pub(super) fn check_lanes(&mut self, unit: &Unit) -> Result<(), DropReason> {
        let is_bought = |action: &&Action| matches!(action.kind, ActionKind::Provision(_));
        if !self.state.lanes.is_limiting() || !unit.actions.iter().any(|action| is_bought(&action)) {
            return Ok(());
        }
        self.count_lanes();
        let mut bought: BTreeMap<Lane, u32> = BTreeMap::new();
        for action in unit.actions.iter().filter(is_bought) {
            *bought.entry(self.state.lane_of(action.machine)).or_default() += 1;
        }
        // Lanes may share a quota, so what a unit buys in one counts for the others.
        let state = &*self.state;
        let kin = |lane: Lane| -> u32 {
            let kin: BTreeSet<Lane> = state.lanes.with_kin(lane, &state.fleet.words).into_iter().collect();
            kin.iter().filter_map(|lane| bought.get(lane)).sum()
        };
        for (lane, count) in &bought {
            let Some((most, why)) = state.lanes.allowance(*lane, &state.fleet) else { continue };
            let asked = if why == DropReason::QuotaReached { kin(*lane) } else { *count };
            if asked > most {
                return Err(why);
            }
        }
        Ok(())
    }

    fn count_lanes(&mut self) {
        let touched = self.state.lanes.count(&self.state.fleet);
        self.stirred.extend(touched);
    }

    /// Holds back what lanes may not take, and lets go what they may. At the end of every entry.
    pub(super) fn level_lanes(&mut self) {
        self.count_lanes();
        if self.stirred.is_empty() {
            return;
        }
        let words = &self.state.fleet.words;
        let stirred = std::mem::take(&mut self.stirred);
        let kin: BTreeSet<Lane> = stirred.iter().flat_map(|lane| self.state.lanes.with_kin(*lane, words)).collect();
        let state = &*self.state;
        let allowance = |lane: &Lane| state.lanes.allowance(*lane, &state.fleet).map(|(most, _)| most as usize);
        let allowed: BTreeMap<Lane, Option<usize>> = kin.iter().map(|lane| (*lane, allowance(lane))).collect();
        for ((lane, _), pile) in self.state.piles(&allowed) {
            let most = allowed[&lane].unwrap_or(usize::MAX);
            let shown = pile.shown.len();
            let room = most.saturating_sub(shown);
            for ix in pile.shown.into_iter().skip(most) {
                self.set_flag(ix, Flags::HELD_BACK, true);
            }
            for ix in pile.hidden.into_iter().take(room) {
                self.set_flag(ix, Flags::HELD_BACK, false);
            }
        }
        // What was written just now is no news to the next entry.
        self.state.lanes.count(&self.state.fleet);
    }
}

impl ShardState {
    /// The lane of a machine.
    pub(crate) fn lane_of(&self, machine: MachineIx) -> Lane {
        let words = &self.fleet.words;
        Lane::of(words.shape_of(self.fleet.machine(machine).shape), words)
    }

    fn all_lanes(&self) -> BTreeSet<Lane> {
        let words = &self.fleet.words;
        self.fleet.classes().iter().map(|(class, _)| Lane::of(words.shape_of(class.shape), words)).collect()
    }

    /// The moment before which a lane's breaker lets no other attempt at a creation through; now, if it is closed.
    pub(crate) fn after_breaker(&self, operation: &Operation) -> ShardTime {
        match self.breaker_on(operation) {
            BreakerState::Open { until } => until,
            BreakerState::HalfOpen => self.now.plus(self.lanes.policy().breaker.first.0),
            BreakerState::Closed => self.now,
        }
    }

    /// Where the breaker stands that an operation's next call has to pass.
    fn breaker_on(&self, operation: &Operation) -> BreakerState {
        if operation.step != Step::Create || !self.lanes.is_any_shut() {
            return BreakerState::Closed;
        }
        self.lanes.record(self.lane_of(operation.machine)).map_or(BreakerState::Closed, |record| record.breaker)
    }

    /// Whether a lane's breaker holds a call back: an open one all, a half-open one all but the oldest.
    pub(crate) fn is_call_held_back(&self, operation: &Operation) -> bool {
        match self.breaker_on(operation) {
            BreakerState::Closed => false,
            BreakerState::Open { .. } => true,
            BreakerState::HalfOpen if planted(Bug::HalfOpenWide) => false,
            BreakerState::HalfOpen => {
                let lane = self.lane_of(operation.machine);
                let is_probe =
                    |other: &&Operation| other.is_creation_on_its_way() && self.lane_of(other.machine) == lane;
                self.ledger.iter().find(is_probe).is_some_and(|first| first.id != operation.id)
            }
        }
    }

    /// The free slots of some lanes by shape, each pile in order of slots. A slot that may not be taken for another reason is
    /// left as it is, unless nothing limits its lane any more.
    fn piles(&self, allowed: &BTreeMap<Lane, Option<usize>>) -> BTreeMap<(Lane, ShapeIx), Pile> {
        let words = &self.fleet.words;
        let mut piles: BTreeMap<(Lane, ShapeIx), Pile> = BTreeMap::new();
        for (class, members) in self.fleet.classes().in_state(State::Speculative) {
            let lane = Lane::of(words.shape_of(class.shape), words);
            let Some(most) = allowed.get(&lane) else { continue };
            let is_hidden = class.flags.has(Flags::HELD_BACK);
            let is_usable = class.flags.with(Flags::HELD_BACK, false).is_usable();
            let pile = piles.entry((lane, class.shape)).or_default();
            if is_hidden && (is_usable || most.is_none()) {
                pile.hidden.extend(members.iter());
            } else if is_usable {
                pile.shown.extend(members.iter());
            }
        }
        piles.values_mut().for_each(|pile| {
            pile.shown.sort_unstable();
            pile.hidden.sort_unstable();
        });
        piles
    }
}
