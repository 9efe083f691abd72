//! Lanes: a provider's machines of one instance type in one region, how creations in them have gone, and what they may take.
//!
//! ```text
//!   creations refused in a row ──> breaker ─┐
//!   machines that there are ─────> quotas ──┴─> allowance ──> slots beyond it are held back: to decide they are not there
//! ```
//!
//! All of it is part of the fold, so a new leader knows what the old one had learnt. What follows from it is one flag on
//! slots; the engine needs no notion of a lane.

mod census;
mod look;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use argosy_model::vocabulary::REGION_KEY;
use argosy_model::{Fleet, Shape, ShardTime, Sym, Vocabulary};
use argosy_pool::LanePolicy;
use argosy_pool::lanes::Quota;
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use self::census::Census;
pub use self::look::{LaneView, PassedBy};
pub use self::record::{BreakerState, LaneRecord, Trouble};
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
    /// When open breakers let a probe through.
    due: OrdSet<(ShardTime, Lane)>,
    /// Derived from the fleet: in no snapshot.
    census: Census,
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

    /// What is remembered of a lane: creations refused since the last one that succeeded.
    #[must_use]
    pub fn record(&self, lane: Lane) -> Option<&LaneRecord> {
        self.records.get(&lane)
    }

    /// The next moment at which an open breaker lets a probe through.
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
        if let Some(LaneRecord { breaker: BreakerState::Open { until }, .. }) = self.records.get(&lane) {
            self.due.remove(&(*until, lane));
        }
        self.shut.remove(&lane);
        let Some(record) = record else {
            self.records.remove(&lane);
            return;
        };
        if record.breaker != BreakerState::Closed {
            self.shut.insert(lane);
        }
        if let BreakerState::Open { until } = record.breaker {
            self.due.insert((until, lane));
        }
        self.records.insert(lane, record);
    }

    /// An open breaker whose time is over by `now`, if there is one.
    pub(crate) fn overdue(&self, now: ShardTime) -> Option<Lane> {
        self.due.get_min().filter(|(at, _)| *at <= now).map(|(_, lane)| *lane)
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

    /// Counts the fleet as it is now. Returns the lanes of which machines have changed since the last count.
    pub(crate) fn count(&mut self, fleet: &Fleet) -> BTreeSet<Lane> {
        if self.is_limiting() { self.census.follow(fleet) } else { self.census.let_go() }
    }

    /// Lanes that share a quota with this one, itself included.
    pub(crate) fn with_kin(&self, lane: Lane, words: &Vocabulary) -> Vec<Lane> {
        let shared: Vec<&Quota> = self.policy.quotas.iter().filter(|quota| lane.is_within(quota, words)).collect();
        let is_kin = |other: &Lane| shared.iter().any(|quota| other.is_within(quota, words));
        self.census.lanes().filter(is_kin).chain([lane]).collect()
    }

    /// How many more machines a lane may take now, and what allows no more; `None` where nothing limits it. As of the last
    /// [`LaneBook::count`].
    pub(crate) fn allowance(&self, lane: Lane, fleet: &Fleet) -> Option<(u32, DropReason)> {
        let breaker = match self.records.get(&lane).map(|record| record.breaker) {
            Some(BreakerState::Open { .. }) => Some(0),
            Some(BreakerState::HalfOpen) if planted(Bug::HalfOpenWide) => None,
            Some(BreakerState::HalfOpen) => Some(1_u32.saturating_sub(self.census.of(lane).creating)),
            Some(BreakerState::Closed) | None => None,
        };
        let words = &fleet.words;
        let quotas = self.policy.quotas.iter().filter(|quota| lane.is_within(quota, words));
        let quota = quotas.map(|quota| quota.machines.saturating_sub(self.used(quota, fleet))).min();
        let limits = [breaker.map(|n| (n, DropReason::BreakerOpen)), quota.map(|n| (n, DropReason::QuotaReached))];
        limits.into_iter().flatten().min_by_key(|(n, _)| *n)
    }

    /// How many machines count against a quota: all that are there, or on their way in or out.
    fn used(&self, quota: &Quota, fleet: &Fleet) -> u32 {
        let words = &fleet.words;
        let standing = self.census.lanes().filter(|lane| lane.is_within(quota, words));
        let standing: u32 = standing.map(|lane| self.census.of(lane).held).sum();
        standing.saturating_add(census::failed(fleet, |lane| lane.is_within(quota, words)))
    }
}
