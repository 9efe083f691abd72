//! Shrinking: from a campaign that breaks a promise to one that breaks it with less.
//!
//! Faults are taken away in halves, quarters and so on as long as the same promise breaks (Zeller and Hildebrandt, "Simplifying and
//! isolating failure-inducing input", 2002), then failpoints in the same way. A world is a function of its campaign and seed, so what is
//! left breaks it every time.

use std::time::{Duration, Instant};

use argosy_failpoint::Failpoint;

use crate::arming::Arming;
use crate::faults::{Campaign, Event};
use crate::run::Violation;
use crate::stage::Stage;

/// A world that broke at a moment is not run for much longer when it is run again.
const BEYOND: Duration = Duration::from_secs(5);

/// What shrinking came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest campaign that was found.
    pub campaign: Campaign,
    /// How it breaks the promise.
    pub violation: Violation,
    /// Worlds that were run for it.
    pub runs: usize,
}

/// How far shrinking goes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most worlds that are run.
    pub runs: usize,
    /// No world but the first is begun after this moment.
    pub until: Option<Instant>,
}

struct Shrinker<'a, S> {
    stage: &'a mut S,
    seed: u64,
    best: Shrunk,
    bounds: Bounds,
}

/// Takes away from a campaign what it does not need to break the same promise. `None` when it breaks none.
pub fn shrink(campaign: &Campaign, seed: u64, stage: &mut impl Stage, bounds: Bounds) -> Option<Shrunk> {
    let violation = stage.run(campaign, seed).violations.into_iter().next()?;
    let best = Shrunk { campaign: campaign.clone(), violation, runs: 1 };
    let mut shrinker = Shrinker { stage, seed, best, bounds };
    shrinker.sooner();
    shrinker.without_parts(|campaign| campaign.events.clone(), |campaign, events: Vec<Event>| campaign.events = events);
    shrinker.without_parts(
        |campaign| campaign.failpoints.0.clone().into_iter().collect(),
        |campaign, armed: Vec<(Failpoint, u32)>| campaign.failpoints = Arming(armed.into_iter().collect()),
    );
    Some(shrinker.best)
}

impl<S: Stage> Shrinker<'_, S> {
    /// Runs a smaller campaign, and keeps it if it breaks the same promise.
    fn holds(&mut self, campaign: Campaign) -> bool {
        let is_late = self.bounds.until.is_some_and(|until| Instant::now() >= until);
        if is_late || self.best.runs >= self.bounds.runs {
            return false;
        }
        self.best.runs += 1;
        let broken = self.stage.run(&campaign, self.seed).violations.into_iter().next();
        let Some(violation) = broken.filter(|violation| violation.invariant == self.best.violation.invariant) else {
            return false;
        };
        (self.best.campaign, self.best.violation) = (campaign, violation);
        true
    }

    /// Nothing strikes after the promise was broken.
    fn sooner(&mut self) {
        let until = self.best.violation.at + BEYOND;
        let mut campaign = self.best.campaign.clone();
        campaign.events.retain(|event| event.begins() < until);
        campaign.safety = campaign.safety.min(until);
        self.holds(campaign);
    }

    /// Takes parts away, in ever smaller pieces, until no single part can go.
    fn without_parts<T: Clone>(&mut self, parts: impl Fn(&Campaign) -> Vec<T>, put: impl Fn(&mut Campaign, Vec<T>)) {
        let mut piece = parts(&self.best.campaign).len().div_ceil(2);
        while piece > 0 {
            let mut at = 0;
            loop {
                let all = parts(&self.best.campaign);
                if at >= all.len() {
                    break;
                }
                let rest = all.iter().enumerate().filter(|(n, _)| *n < at || *n >= at + piece);
                let mut campaign = self.best.campaign.clone();
                put(&mut campaign, rest.map(|(_, part)| part.clone()).collect());
                if !self.holds(campaign) {
                    at += piece;
                }
            }
            piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Fault, draw};
    use crate::run::Outcome;

    /// A world that breaks when a node crashes while links are slow, and a certain failpoint is armed.
    struct Delicate;

    impl Stage for Delicate {
        fn run(&mut self, campaign: &Campaign, seed: u64) -> Outcome {
            let has = |kind: &str| campaign.events.iter().any(|event| event.fault.kind() == kind);
            let breaks = has("ring") && has("snapshot") && campaign.failpoints.0.contains_key(&Failpoint::CycleLate);
            let violation = Violation {
                invariant: "delicate".to_owned(),
                at: Duration::from_secs(600),
                detail: campaign.events.len().to_string(),
            };
            Outcome { seed, violations: if breaks { vec![violation] } else { vec![] }, ..Outcome::default() }
        }
    }

    #[test]
    fn what_is_not_needed_is_taken_away() {
        let mut campaign = draw(1, Duration::from_secs(600));
        let event = |at_ms, fault| Event { at_ms, for_ms: 10, fault };
        campaign.events.push(event(1, Fault::Ring));
        campaign.events.insert(3, event(2, Fault::Snapshot));
        campaign.failpoints.0 = Failpoint::ALL.iter().map(|point| (*point, 5)).collect();
        let bounds = Bounds { runs: 10_000, until: None };
        let shrunk = shrink(&campaign, 1, &mut Delicate, bounds).expect("it breaks");
        assert_eq!(shrunk.campaign.events.len(), 2, "{:?}", shrunk.campaign.events);
        assert_eq!(shrunk.campaign.failpoints.0.len(), 1);
        let late = Bounds { until: Some(Instant::now()), ..bounds };
        let whole = shrink(&campaign, 1, &mut Delicate, late).expect("it breaks");
        assert_eq!((whole.runs, whole.campaign.events.len()), (1, campaign.events.len()), "its time was over");
        campaign.failpoints = Arming::default();
        assert!(shrink(&campaign, 1, &mut Delicate, bounds).is_none());
    }
}
