//! Lanes: a provider's machines of one instance type in one region, how creations in them have gone, and what they may take.
//!
//! ```text
//!   creations refused in a row ──> breaker ─┐
//!   machines that there are ─────> quotas ──┴─> allowance ──> slots beyond it are held back: to decide they are not there
//! ```
//!
//! All of it is part of the fold, so a new leader knows what the old one had learnt. What follows from it is one flag on
//! slots, and how many of several shapes may be bought together; the engine needs no notion of a lane.

mod census;
mod look;
mod record;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argosy_engine::Cap;
use argosy_model::vocabulary::REGION_KEY;
use argosy_model::{Fleet, Shape, ShapeIx, ShardTime, State, Sym, Vocabulary};
use argosy_pool::LanePolicy;
use argosy_pool::lanes::Quota;
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use self::census::Census;
pub(crate) use self::census::Slots;
pub use self::look::{LaneView, PassedBy};
pub use self::record::{BreakerState, LaneRecord, Trouble};
use crate::ledger::Ledger;
use crate::operation::Operation;
use crate::plant::{Bug, planted};
use crate::response::DropReason;

/// A provider's machines of one instance type in one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// The provider.
    pub provider: Sym,
    /// The region; `None` for machines that say none.
    pub region: Option<Sym>,
    /// The instance type; `None` for machines that say none.
    pub instance_type: Option<Sym>,
}

/// A lane in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LaneName {
    /// The provider, by its name in the configuration.
    pub provider: String,
    /// The region; empty for machines that say none.
    pub region: String,
    /// The instance type; empty for machines that say none.
    pub instance_type: String,
}

impl std::fmt::Display for LaneName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.provider, self.region, self.instance_type)
    }
}

impl Lane {
    /// The lane of machines of a shape.
    #[must_use]
    pub fn of(shape: &Shape, words: &Vocabulary) -> Self {
        let region = words.find_symbol(REGION_KEY).and_then(|key| words.attribute(shape, key));
        Self { provider: shape.provider, region, instance_type: shape.instance_type }
    }

    /// The lane in words.
    #[must_use]
    pub fn name(self, words: &Vocabulary) -> LaneName {
        let text = |sym: Option<Sym>| sym.map(|sym| words.text(sym).to_owned()).unwrap_or_default();
        LaneName {
            provider: words.text(self.provider).to_owned(),
            region: text(self.region),
            instance_type: text(self.instance_type),
        }
    }

    fn is_within(self, quota: &Quota, words: &Vocabulary) -> bool {
        let is = |asked: &Option<String>, sym: Option<Sym>| {
            asked.as_ref().is_none_or(|asked| sym.is_some_and(|sym| words.text(sym) == asked))
        };
        words.text(self.provider) == quota.provider
            && is(&quota.region, self.region)
            && is(&quota.instance_type, self.instance_type)
    }
}

/// What is remembered of lanes, and the policy in force. Clones share structure.
#[derive(Clone, Debug, Default)]
pub struct LaneBook {
    policy: Arc<LanePolicy>,
    /// Log index at which the policy was applied; 0 is that of a new installation.
    revision: u64,
    records: OrdMap<Lane, LaneRecord>,
    /// Lanes whose breaker is not closed.
    shut: OrdSet<Lane>,
    /// When they move by themselves.
    due: OrdSet<(ShardTime, Lane)>,
    /// Derived from the fleet: in no snapshot.
    census: Census,
    /// What quotas and half-open breakers leave, as the engine is to know it: derived, as of the end of the last entry.
    caps: Arc<[Cap]>,
}

/// One part of it in a snapshot. Append-only.
#[derive(Serialize, Deserialize)]
pub(crate) enum StoredLanes {
    /// The policy, and when it was applied.
    Policy(u64, LanePolicy),
    /// What is remembered of a lane.
    Record(Lane, LaneRecord),
}

impl LaneBook {
    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &LanePolicy {
        &self.policy
    }

    /// Log index at which it was applied; 0 is that of a new installation.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether nothing has been written to either since one was cloned from the other. What is derived is left aside.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.policy, &other.policy) && self.records.ptr_eq(&other.records)
    }

    /// What is remembered of a lane: creations refused since the last one that succeeded.
    #[must_use]
    pub fn record(&self, lane: Lane) -> Option<&LaneRecord> {
        self.records.get(&lane)
    }

    /// The next moment at which a breaker moves by itself.
    #[must_use]
    pub fn next_deadline(&self) -> Option<ShardTime> {
        self.due.get_min().map(|(at, _)| *at)
    }

    /// Whether any lane may take less than there is.
    pub(crate) fn is_limiting(&self) -> bool {
        !self.policy.quotas.is_empty() || !self.shut.is_empty()
    }

    pub(crate) fn set_policy(&mut self, policy: LanePolicy, at: u64) {
        (self.policy, self.revision) = (Arc::new(policy), at);
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = StoredLanes> + '_ {
        let policy = (self.revision > 0).then(|| StoredLanes::Policy(self.revision, (*self.policy).clone()));
        policy.into_iter().chain(self.records.iter().map(|(lane, record)| StoredLanes::Record(*lane, *record)))
    }

    pub(crate) fn restore(&mut self, part: StoredLanes) {
        match part {
            StoredLanes::Policy(at, policy) => self.set_policy(policy, at),
            StoredLanes::Record(lane, record) => self.put(lane, Some(record)),
        }
    }

    /// Writes what is remembered of a lane, and keeps what is found by it in step.
    pub(crate) fn put(&mut self, lane: Lane, record: Option<LaneRecord>) {
        if let Some(until) = self.records.get(&lane).and_then(|record| record.breaker.until()) {
            self.due.remove(&(until, lane));
        }
        self.shut.remove(&lane);
        let Some(record) = record else {
            self.records.remove(&lane);
            return;
        };
        if let Some(until) = record.breaker.until() {
            self.shut.insert(lane);
            self.due.insert((until, lane));
        }
        self.records.insert(lane, record);
    }

    /// Lanes of breakers whose time is over by `now`.
    pub(crate) fn overdue(&self, now: ShardTime) -> Vec<Lane> {
        self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, lane)| *lane).collect()
    }

    /// Lanes whose breaker is not closed.
    pub(crate) fn shut(&self) -> impl Iterator<Item = Lane> + '_ {
        self.shut.iter().copied()
    }

    /// Whether nothing is remembered of any lane.
    pub(crate) fn is_blameless(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether some lane's breaker is not closed.
    pub(crate) fn is_any_shut(&self) -> bool {
        !self.shut.is_empty()
    }

    /// Forgets every breaker: what a new leader would do if they were its own.
    pub(crate) fn forget(&mut self) {
        let lanes: Vec<Lane> = self.records.keys().copied().collect();
        lanes.into_iter().for_each(|lane| self.put(lane, None));
    }

    /// Lanes of which something is remembered, and that have no machine and no slot any more. As of the last count.
    pub(crate) fn gone(&self) -> Vec<Lane> {
        self.records.keys().filter(|lane| !self.census.has(**lane)).copied().collect()
    }

    /// Half-open lanes.
    pub(crate) fn half_open(&self) -> impl Iterator<Item = Lane> + '_ {
        let is_half_open = |lane: &Lane| matches!(self.records[lane].breaker, BreakerState::HalfOpen { .. });
        self.shut.iter().copied().filter(is_half_open)
    }

    /// Counts the fleet as it is now, if anything limits a lane. Returns the lanes of which machines have changed since the last
    /// count.
    pub(crate) fn count(&mut self, fleet: &Fleet) -> BTreeSet<Lane> {
        if self.is_limiting() { self.census.follow(fleet) } else { self.census.let_go() }
    }

    /// Counts the fleet as it is now, whatever it is for.
    pub(crate) fn recount(&mut self, fleet: &Fleet) {
        self.census.follow(fleet);
    }

    /// The free slots of a lane, by shape. As of the last count.
    pub(crate) fn slots_of(&self, lane: Lane) -> impl Iterator<Item = (ShapeIx, Slots)> + '_ {
        self.census.slots_of(lane)
    }

    /// Lanes that share a quota with this one, itself included.
    pub(crate) fn with_kin(&self, lane: Lane, words: &Vocabulary) -> Vec<Lane> {
        let shared: Vec<&Quota> = self.policy.quotas.iter().filter(|quota| lane.is_within(quota, words)).collect();
        let is_kin = |other: &Lane| shared.iter().any(|quota| other.is_within(quota, words));
        self.census.lanes().filter(is_kin).chain([lane]).collect()
    }

    /// How many machines more may be bought of some shapes together, as of the end of the last entry: one for each quota and for each
    /// half-open breaker.
    #[must_use]
    pub fn caps(&self) -> &[Cap] {
        &self.caps
    }

    /// Derives what quotas and half-open breakers leave. As of the last count.
    pub(crate) fn cap(&mut self, fleet: &Fleet, ledger: &Ledger) {
        let words = &fleet.words;
        let cap = |lanes: Vec<Lane>, left: u32| {
            let shapes = lanes.into_iter().flat_map(|lane| self.slots_of(lane).map(|(shape, _)| shape));
            Cap::new(shapes.collect(), left)
        };
        let quotas = self.policy.quotas.iter().map(|quota| {
            let within = self.census.lanes().filter(|lane| lane.is_within(quota, words));
            cap(within.collect(), self.left_of(quota, words))
        });
        let half_open = self.half_open().map(|lane| {
            cap(vec![lane], self.left_by_breaker(lane, fleet, ledger).expect("a half-open breaker limits its lane"))
        });
        let mut caps: Vec<Cap> = quotas.chain(half_open).collect();
        for (cap, before) in caps.iter_mut().zip(self.caps.iter()) {
            // The list is kept while it is the same, so that two of them are told apart without a walk.
            if cap.shapes() == before.shapes() {
                *cap = before.with_left(cap.left());
            }
        }
        self.caps = caps.into();
    }

    /// Takes over what another one has derived.
    pub(crate) fn take_caps(&mut self, other: &Self) {
        self.caps = Arc::clone(&other.caps);
    }

    /// How many more machines a lane may take now, and what allows no more; `None` where nothing limits it. As of the last count.
    pub(crate) fn allowance(&self, lane: Lane, fleet: &Fleet, ledger: &Ledger) -> Option<(u32, DropReason)> {
        let words = &fleet.words;
        let breaker = self.left_by_breaker(lane, fleet, ledger);
        let quotas = self.policy.quotas.iter().filter(|quota| lane.is_within(quota, words));
        let quota = quotas.map(|quota| self.left_of(quota, words)).min();
        let limits = [breaker.map(|n| (n, DropReason::BreakerOpen)), quota.map(|n| (n, DropReason::QuotaReached))];
        limits.into_iter().flatten().min_by_key(|(n, _)| *n)
    }

    /// Whether so many more machines of each lane may be had together. As of the last count.
    pub(crate) fn check(&self, bought: &BTreeMap<Lane, u32>, fleet: &Fleet, ledger: &Ledger) -> Result<(), DropReason> {
        let is_shut =
            |(lane, n): (&Lane, &u32)| self.left_by_breaker(*lane, fleet, ledger).is_some_and(|left| left < *n);
        if bought.iter().any(is_shut) {
            return Err(DropReason::BreakerOpen);
        }
        let is_reached = |quota: &Quota| {
            let within = bought.iter().filter(|(lane, _)| lane.is_within(quota, &fleet.words));
            let asked = within.fold(0, |sum: u32, (_, n)| sum.saturating_add(*n));
            asked > 0 && asked > self.left_of(quota, &fleet.words)
        };
        if self.policy.quotas.iter().any(is_reached) { Err(DropReason::QuotaReached) } else { Ok(()) }
    }

    /// How many more machines a lane's breaker lets through now; `None` for a closed one.
    fn left_by_breaker(&self, lane: Lane, fleet: &Fleet, ledger: &Ledger) -> Option<u32> {
        match self.records.get(&lane)?.breaker {
            BreakerState::Closed => None,
            BreakerState::Open { .. } => Some(0),
            BreakerState::HalfOpen { .. } if planted(Bug::HalfOpenWide) => None,
            BreakerState::HalfOpen { .. } => Some(u32::from(!is_probed(lane, fleet, ledger))),
        }
    }

    /// How many more machines a quota allows: what is there counts against it, and what is on its way in or out.
    fn left_of(&self, quota: &Quota, words: &Vocabulary) -> u32 {
        let within = self.census.lanes().filter(|lane| lane.is_within(quota, words));
        let counted = within.fold(0, |sum: u32, lane| sum.saturating_add(self.census.counted(lane)));
        quota.machines.saturating_sub(counted)
    }
}

/// Whether a creation is on its way in a lane of which its provider may yet make something. A machine that somebody else is
/// creating says nothing of how calls go.
pub(crate) fn is_probed(lane: Lane, fleet: &Fleet, ledger: &Ledger) -> bool {
    let words = &fleet.words;
    let creating = fleet.classes().in_state(State::Creating);
    let of_lane = creating.filter(|(class, _)| Lane::of(words.shape_of(class.shape), words) == lane);
    let mut machines = of_lane.flat_map(|(_, members)| members.iter());
    machines.any(|ix| ledger.on(*ix).is_some_and(Operation::is_creation_on_its_way))
}
