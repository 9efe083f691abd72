//! Circuit breakers: where Creates keep failing, slots are not offered for a while.
//!
//! One for each lane, that is each (region, instance type). After so many failures in a row the lane is open: none of its slots is offered.
//! When its time is over it is half open: one slot is, as a probe. The probe's success closes the lane, its failure opens it for twice
//! as long, up to a limit. A probe that nobody buys stays on offer, so no lane is shut for ever.
//!
//! What is not offered reaches the control plane as machines that have failed, through the log like everything that a
//! provider shows. The state here is soft: a new run tries everything again.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use argosy_model::vocabulary::REGION_KEY;

use crate::backend::Offer;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// Failures in a row; 0 never opens.
    pub after: u32,
    /// The first time.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

/// Where a slot is bought.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    region: String,
    instance_type: String,
}

impl Lane {
    /// A slot's; where no region is labelled, its zone stands in.
    pub(super) fn of(offer: &Offer) -> Self {
        let region = offer.labels.get(REGION_KEY).unwrap_or(&offer.zone).clone();
        Self { region, instance_type: offer.instance_type.clone() }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.instance_type, self.region)
    }
}

/// Whether a lane's slots are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// All of them.
    Closed,
    /// None.
    Open,
    /// One.
    HalfOpen,
}

#[derive(Clone, Copy, Debug, Default)]
struct Breaker {
    failures: u32,
    /// How often it has opened since the last success.
    trips: u32,
    /// Until when it is open; `None` while it only counts.
    until: Option<Duration>,
}

/// The breakers of all lanes; those without a failure are not kept.
#[derive(Debug)]
pub(super) struct Breakers {
    rules: BreakerRules,
    lanes: BTreeMap<Lane, Breaker>,
}

impl Breakers {
    pub(super) fn new(rules: BreakerRules) -> Self {
        Self { rules, lanes: BTreeMap::new() }
    }

    /// A Create has failed there.
    pub(super) fn failed(&mut self, lane: Lane, now: Duration) {
        let rules = self.rules;
        let breaker = self.lanes.entry(lane).or_default();
        breaker.failures = breaker.failures.saturating_add(1);
        // What was already under way when it opened does not open it again.
        let open = breaker.until.is_some_and(|until| now < until);
        let probe = breaker.until.is_some_and(|until| now >= until);
        if rules.after > 0 && !open && (probe || breaker.failures >= rules.after) {
            let span = rules.first.saturating_mul(1 << breaker.trips.min(20)).min(rules.longest);
            breaker.trips += 1;
            breaker.until = Some(now.saturating_add(span));
        }
    }

    /// A Create has ended well there.
    pub(super) fn succeeded(&mut self, lane: &Lane) {
        self.lanes.remove(lane);
    }

    pub(super) fn gate(&self, lane: &Lane, now: Duration) -> Gate {
        match self.lanes.get(lane).and_then(|breaker| breaker.until) {
            None => Gate::Closed,
            Some(until) if now < until => Gate::Open,
            Some(_) => Gate::HalfOpen,
        }
    }
}
