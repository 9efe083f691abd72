//! Lanes as people see them.

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::{Flags, ProfileIx, ShardTime, State};

use super::{BreakerState, Lane, LaneName, LaneRecord};
use crate::response::DropReason;
use crate::state::ShardState;

/// A lane, what it holds, and what it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneView {
    /// Which.
    pub name: LaneName,
    /// Slots that may be bought now.
    pub free: u32,
    /// Slots that are held back.
    pub held_back: u32,
    /// Machines that are there, or on their way in or out.
    pub held: u32,
    /// How many more it may take, and what allows no more; `None` where nothing limits it.
    pub allowance: Option<(u32, DropReason)>,
    /// What is remembered of creations since one last succeeded.
    pub record: Option<LaneRecord>,
}

/// Why a lane takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassedBy {
    /// Its breaker is open until then.
    BreakerOpen(ShardTime),
    /// Its breaker is half open, and a probe is under way.
    BreakerHalfOpen,
    /// A quota is reached.
    QuotaReached,
}

impl PassedBy {
    /// Its name in APIs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BreakerOpen(_) => "breaker_open",
            Self::BreakerHalfOpen => "breaker_half_open",
            Self::QuotaReached => "quota_reached",
        }
    }

    /// In words, at a moment.
    #[must_use]
    pub fn text(self, now: ShardTime) -> String {
        match self {
            Self::BreakerOpen(until) => format!("breaker_open for another {} s", until.since(now).0.div_ceil(1_000)),
            Self::BreakerHalfOpen | Self::QuotaReached => self.name().to_owned(),
        }
    }
}

impl LaneView {
    /// Where the breaker stands.
    #[must_use]
    pub fn breaker(&self) -> BreakerState {
        self.record.map_or(BreakerState::Closed, |record| record.breaker)
    }

    /// Why it is passed by; `None` while it may take something.
    #[must_use]
    pub fn passed_by(&self) -> Option<PassedBy> {
        match (self.breaker(), self.allowance) {
            (BreakerState::Open { until }, _) => Some(PassedBy::BreakerOpen(until)),
            (_, Some((0, DropReason::QuotaReached))) => Some(PassedBy::QuotaReached),
            (BreakerState::HalfOpen { .. }, Some((0, _))) => Some(PassedBy::BreakerHalfOpen),
            _ => None,
        }
    }
}

impl ShardState {
    /// The lanes of the machines that there are, in order of their names.
    #[must_use]
    pub fn look_at_lanes(&self) -> Vec<LaneView> {
        let mut book = self.lanes.clone();
        book.count(&self.fleet);
        let words = &self.fleet.words;
        let mut found: BTreeMap<Lane, LaneView> = BTreeMap::new();
        for (class, members) in self.fleet.classes().iter() {
            let lane = Lane::of(words.shape_of(class.shape), words);
            let view = found.entry(lane).or_insert_with(|| LaneView {
                name: lane.name(words),
                free: 0,
                held_back: 0,
                held: 0,
                allowance: book.allowance(lane, &self.fleet, &self.ledger),
                record: book.record(lane).copied(),
            });
            let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
            match class.state {
                State::Failed => {}
                State::Speculative if class.flags.has(Flags::HELD_BACK) => view.held_back += count,
                State::Speculative if class.is_usable() => view.free += count,
                State::Speculative => {}
                _ => view.held += count,
            }
        }
        let mut lanes: Vec<LaneView> = found.into_values().collect();
        lanes.sort_by(|a, b| a.name.cmp(&b.name));
        lanes
    }

    /// Why lanes in which a need's machines could be bought are passed by at a moment, in words.
    #[must_use]
    pub fn lanes_passed_by(&self, profile: ProfileIx, now: ShardTime) -> Vec<String> {
        let words = &self.fleet.words;
        let profile = words.profile_of(profile);
        let views = self.look_at_lanes().into_iter();
        let shut = views.filter_map(|view| Some((view.name.clone(), view.passed_by()?.text(now))));
        let shut: BTreeMap<LaneName, String> = shut.collect();
        let held_back = self.fleet.classes().in_state(State::Speculative);
        let held_back = held_back.filter(|(class, _)| class.flags.has(Flags::HELD_BACK));
        let shapes = held_back.map(|(class, _)| words.shape_of(class.shape));
        let lanes: BTreeSet<LaneName> = shapes
            .filter(|shape| profile.admits(shape, words))
            .map(|shape| Lane::of(shape, words).name(words))
            .collect();
        lanes.iter().filter_map(|lane| Some(format!("{lane}: {}", shut.get(lane)?))).collect()
    }
}
