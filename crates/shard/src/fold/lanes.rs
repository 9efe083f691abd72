//! Lanes: creations that fail and succeed move their breakers, and a unit that would buy more than lanes allow is dropped.

use std::collections::{BTreeMap, BTreeSet};

use argosy_engine::{Action, ActionKind, Unit};
use argosy_model::{MachineIx, ShardTime};
use argosy_pool::LanePolicy;

use super::Fold;
use crate::command::By;
use crate::event::Event;
use crate::lanes::{self, BreakerState, Lane, LaneName, LaneRecord, Trouble};
use crate::operation::{Operation, Step};
use crate::plant::{Bug, planted};
use crate::response::{DropReason, Rejection, Response};
use crate::state::ShardState;

impl Fold<'_> {
    pub(super) fn set_lane_policy(&mut self, policy: Option<LanePolicy>, by: By) -> Result<Response, Rejection> {
        let policy = policy.unwrap_or_default();
        if let Some(fault) = policy.faults().first() {
            return Err(Rejection::Setting { why: fault.to_string().as_str().into() });
        }
        let act = format!("set lanes {policy:?}");
        // Whatever the old quotas held back is looked at once more.
        self.stirred.extend(self.state.all_lanes());
        if policy.breaker.after == 0 {
            let shut: Vec<Lane> = self.state.lanes.shut().collect();
            shut.into_iter().for_each(|lane| self.move_breaker(lane, None));
        }
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

    /// A creation was refused, not answered, or came to nothing.
    pub(super) fn creation_failed(&mut self, operation: &Operation, trouble: Option<Trouble>) {
        let Some(trouble) = trouble.filter(|_| operation.step == Step::Create) else { return };
        if trouble == Trouble::Failed && planted(Bug::FailureUncounted) {
            return;
        }
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

    /// Moves the breakers whose time is over.
    pub(super) fn move_overdue_breakers(&mut self) {
        let now = self.state.now;
        for lane in self.state.lanes.overdue(now) {
            let record = *self.state.lanes.record(lane).expect("what is due is remembered");
            let is_probed = lanes::is_probed(lane, &self.state.fleet, &self.state.ledger);
            let next = record.overdue(now, &self.state.lanes.policy().breaker, is_probed);
            self.move_breaker(lane, Some(next));
        }
    }

    /// With the planted bug, a new leader begins without what the last one had learnt.
    pub(super) fn forget_breakers(&mut self) {
        if planted(Bug::BreakerForgotten) {
            self.stirred.extend(self.state.lanes.shut());
            self.state.lanes.forget();
        }
    }

    /// What is remembered of lanes that have no machine and no slot any more is forgotten.
    pub(super) fn forget_gone_lanes(&mut self) {
        self.state.lanes.gone().into_iter().for_each(|lane| self.move_breaker(lane, None));
    }

    fn move_breaker(&mut self, lane: Lane, record: Option<LaneRecord>) {
        let breaker = |record: Option<&LaneRecord>| record.map_or(BreakerState::Closed, |record| record.breaker);
        let (from, to) = (breaker(self.state.lanes.record(lane)), breaker(record.as_ref()));
        self.state.lanes.put(lane, record);
        if from.name() == to.name() {
            return;
        }
        self.stirred.insert(lane);
        self.events.push(Event::LaneMoved { lane, to });
    }

    /// Whether a unit buys more in some lane than that may take now.
    pub(crate) fn check_lanes(&mut self, unit: &Unit) -> Result<(), DropReason> {
        let is_bought = |action: &&Action| matches!(action.kind, ActionKind::Provision(_));
        if !self.state.lanes.is_limiting() || !unit.actions.iter().any(|action| is_bought(&action)) {
            return Ok(());
        }
        self.count_lanes();
        let mut bought: BTreeMap<Lane, u32> = BTreeMap::new();
        for action in unit.actions.iter().filter(is_bought) {
            *bought.entry(self.state.lane_of(action.machine)).or_default() += 1;
        }
        self.state.lanes.check(&bought, &self.state.fleet, &self.state.ledger)
    }

    /// Counts the machines of lanes up to now: what a lane may take is as of the last count, and a replica that was just
    /// restored has not counted yet.
    pub(super) fn count_lanes(&mut self) {
        let touched = self.state.lanes.count(&self.state.fleet);
        self.stirred.extend(touched);
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
            BreakerState::Open { until } | BreakerState::HalfOpen { until } => until,
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
            BreakerState::HalfOpen { .. } if planted(Bug::HalfOpenWide) => false,
            BreakerState::HalfOpen { .. } => {
                let lane = self.lane_of(operation.machine);
                let is_probe =
                    |other: &&Operation| other.is_creation_on_its_way() && self.lane_of(other.machine) == lane;
                self.ledger.iter().find(is_probe).is_some_and(|first| first.id != operation.id)
            }
        }
    }
}
