//! Breakers: how many machines of a domain were found unfit at once, and what follows.

use std::collections::{BTreeMap, BTreeSet};

use argosy_model::{Duration, MachineIx, ShardTime};
use serde::{Deserialize, Serialize};

use super::{Book, MAX_ONSETS};
use crate::census::Census;
use crate::place::Domain;
use crate::policy::{Breaker, Policy};
use crate::record::{Onset, Step, Trip};

/// What is remembered of a domain's breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Latch {
    /// It is open.
    Open(Trip),
    /// It was closed then: what was found before counts no more.
    Closed(ShardTime),
}

impl Latch {
    /// The trip, while it holds.
    fn trip(&self, now: ShardTime) -> Option<&Trip> {
        match self {
            Self::Open(trip) => Some(trip).filter(|trip| trip.until.is_none_or(|until| until > now)),
            Self::Closed(_) => None,
        }
    }

    /// Up to when nothing counts.
    fn forgiven(&self) -> Option<ShardTime> {
        match self {
            Self::Open(trip) => trip.until,
            Self::Closed(at) => Some(*at),
        }
    }
}

impl Book {
    /// Every breaker that is open at `now`: those that have been committed as open, and those that what was found makes open.
    #[must_use]
    pub fn open_breakers(&self, policy: &Policy, census: &Census<'_>, now: ShardTime) -> BTreeMap<Domain, Trip> {
        let mut open: BTreeMap<Domain, Trip> =
            policy.breakers.iter().flat_map(|breaker| self.tripping(breaker, census, now)).collect();
        for (domain, latch) in &self.breakers {
            if let Some(trip) = latch.trip(now) {
                open.insert(domain.clone(), trip.clone());
            }
        }
        open
    }

    /// The breakers that are open because of what was found, and not yet committed as open.
    #[must_use]
    pub fn to_trip(&self, policy: &Policy, census: &Census<'_>, now: ShardTime) -> Vec<Domain> {
        let is_latched = |domain: &Domain| self.breakers.get(domain).is_some_and(|latch| latch.trip(now).is_some());
        let open = self.open_breakers(policy, census, now);
        open.into_keys().filter(|domain| !is_latched(domain)).collect()
    }

    fn tripping(&self, breaker: &Breaker, census: &Census<'_>, now: ShardTime) -> Vec<(Domain, Trip)> {
        let recent = self.onsets.iter().rev().take_while(|onset| onset.at.plus(breaker.window.0) > now);
        let mut found: BTreeMap<Domain, BTreeSet<MachineIx>> = BTreeMap::new();
        for onset in recent {
            let Some(domain) = onset.place.domain(breaker.per) else { continue };
            let forgiven = self.breakers.get(&domain).and_then(Latch::forgiven);
            if forgiven.is_none_or(|at| onset.at > at) {
                found.entry(domain).or_default().insert(onset.machine);
            }
        }
        let trip = |(domain, machines): (Domain, BTreeSet<MachineIx>)| {
            let found = u32::try_from(machines.len()).unwrap_or(u32::MAX);
            if found < breaker.count {
                return None;
            }
            let of = census.size(&domain).max(found);
            let opens = breaker.share.is_none_or(|share| found >= share.of(|| of));
            let until = breaker.reset_after.map(|after| now.plus(after.0));
            opens.then_some((domain, Trip { at: now, found, of, until }))
        };
        found.into_iter().filter_map(trip).collect()
    }

    /// Commits a breaker as open, if what was found makes it so. Machines of the domain that are still serving are taken back
    /// into supply: the first ones may have been admitted before the last ones were found.
    pub fn trip(
        &mut self,
        domain: &Domain,
        policy: &Policy,
        census: &Census<'_>,
        now: ShardTime,
        is_serving: impl Fn(MachineIx) -> bool,
    ) -> Option<(Trip, Vec<MachineIx>)> {
        let is_new = self.breakers.get(domain).is_none_or(|latch| latch.trip(now).is_none());
        let trip = self.open_breakers(policy, census, now).remove(domain).filter(|_| is_new)?;
        self.breakers.insert(domain.clone(), Latch::Open(trip.clone()));
        self.counts.trips += 1;
        let retreats: Vec<MachineIx> = self
            .repairs()
            .filter(|(_, repair)| repair.step == Step::Admitted && repair.ordered.is_none())
            .filter(|(machine, repair)| repair.disrupts(domain) && is_serving(*machine))
            .map(|(machine, _)| machine)
            .collect();
        for machine in &retreats {
            self.change(*machine, |repair| {
                repair.to(Step::Waiting, now);
                repair.admitted = None;
            });
        }
        Some((trip, retreats))
    }

    /// Closes a breaker, or all of them; what was found up to now counts no more. Gives back those that were open.
    pub fn reset_breakers(&mut self, only: Option<&Domain>, now: ShardTime) -> Vec<Domain> {
        let open = self
            .breakers
            .iter()
            .filter(|(domain, latch)| latch.trip(now).is_some() && only.is_none_or(|only| only == *domain));
        let open: Vec<Domain> = open.map(|(domain, _)| domain.clone()).collect();
        for domain in &open {
            self.breakers.insert(domain.clone(), Latch::Closed(now));
        }
        open
    }

    /// The breakers that are committed as open at `now`.
    pub fn tripped(&self, now: ShardTime) -> impl Iterator<Item = (&Domain, &Trip)> {
        self.breakers.iter().filter_map(move |(domain, latch)| Some((domain, latch.trip(now)?)))
    }

    /// Notes that a machine was found unfit, and forgets what no breaker looks back to.
    pub(super) fn note(&mut self, onset: Onset, keep: Duration) {
        let now = onset.at;
        self.onsets.push_back(onset);
        while self.onsets.front().is_some_and(|first| first.at.plus(keep) <= now) || self.onsets.len() > MAX_ONSETS {
            self.onsets.pop_front();
        }
        let is_over =
            |latch: &Latch| latch.trip(now).is_none() && latch.forgiven().is_none_or(|at| at.plus(keep) <= now);
        let over: Vec<Domain> =
            self.breakers.iter().filter(|(_, latch)| is_over(latch)).map(|(domain, _)| domain.clone()).collect();
        for domain in over {
            self.breakers.remove(&domain);
        }
    }
}
