//! The search for remedies: a bounded list of candidates, each tried by running the engine on a copy.
//!
//! The bound is a number of runs, so that the same question gives the same answer everywhere. Within it each kind of change is
//! tried from its least size upwards; what is found is the smallest that was tried, not a proof that nothing smaller would do.

mod candidates;
mod trial;

use self::candidates::Candidates;
use self::trial::Trials;
use super::{Explainer, NeedExplanation, Remedy, RemedyKind, Search};
use crate::rows::RowIx;
use crate::whatif::Scenario;

/// Looks for changes that would satisfy a row, running the engine at most `limit` times.
pub(super) fn remedies(
    explainer: &Explainer,
    row: RowIx,
    explanation: &NeedExplanation,
    limit: u32,
) -> (Vec<Remedy>, Search) {
    let mut seeker = Seeker {
        candidates: Candidates::of(explainer, row, explanation),
        trials: Trials::of(explainer, row, limit),
        found: Vec::new(),
    };
    seeker.lift_rails();
    if !explanation.satisfied {
        seeker.renew();
        seeker.uncordon();
        seeker.add_machines();
        seeker.raise_priority();
        seeker.relax();
    }
    (seeker.found, seeker.trials.search())
}

struct Seeker<'e> {
    candidates: Candidates<'e>,
    trials: Trials<'e>,
    found: Vec<Remedy>,
}

impl Seeker<'_> {
    fn note(&mut self, kind: RemedyKind, summary: String, scenario: Scenario) {
        self.found.push(Remedy { kind, summary, scenario });
    }

    /// Tries one scenario and notes it if it works.
    fn attempt(&mut self, kind: RemedyKind, summary: String, scenario: Scenario) -> bool {
        let works = self.trials.satisfies(&scenario);
        if works {
            self.note(kind, summary, scenario);
        }
        works
    }

    fn lift_rails(&mut self) {
        if let Some((summary, scenario)) = self.candidates.rails() {
            self.attempt(RemedyKind::LiftRail, summary, scenario);
        }
    }

    fn renew(&mut self) {
        if let Some(scenario) = self.candidates.renewal() {
            self.attempt(RemedyKind::Renew, "withdraw it and ask for it again".to_owned(), scenario);
        }
    }

    /// The shortest run of cordoned machines, by class and slot, that is enough when opened.
    fn uncordon(&mut self) {
        let cordoned = self.candidates.cordoned();
        let scenario = |count: u32| Scenario { uncordon: cordoned[..count as usize].to_vec(), ..Scenario::default() };
        let all = u32::try_from(cordoned.len()).expect("a bounded list");
        if all == 0 || !self.trials.satisfies(&scenario(all)) {
            return;
        }
        let least = self.least(0, all, scenario);
        let summary =
            format!("uncordon {}: {}", super::words::machines(least.into()), cordoned[..least as usize].join(" "));
        self.note(RemedyKind::Uncordon, summary, scenario(least));
    }

    /// Of each kind of machine as many as it takes.
    fn add_machines(&mut self) {
        for offer in self.candidates.machines() {
            let (mut fails, mut tried) = (offer.least - 1, offer.least);
            let works = loop {
                if self.trials.satisfies(&offer.scenario(tried)) {
                    break true;
                }
                if tried >= offer.most || self.trials.is_spent() {
                    break false;
                }
                (fails, tried) = (tried, tried.saturating_mul(2).min(offer.most));
            };
            if works {
                let least = self.least(fails, tried, |count| offer.scenario(count));
                self.note(RemedyKind::AddMachines, offer.summary(least), offer.scenario(least));
            }
        }
    }

    /// The least of the priorities at which somebody ahead would be no longer.
    fn raise_priority(&mut self) {
        for (priority, scenario) in self.candidates.priorities() {
            if self.attempt(RemedyKind::RaisePriority, format!("raise its priority to {priority}"), scenario) {
                return;
            }
        }
    }

    fn relax(&mut self) {
        for (kind, summary, scenario) in self.candidates.relaxations() {
            self.attempt(kind, summary, scenario);
        }
    }

    /// The least count that works, where `works` does and `fails` does not, as far as there are runs left.
    fn least(&mut self, mut fails: u32, mut works: u32, scenario: impl Fn(u32) -> Scenario) -> u32 {
        while works - fails > 1 && !self.trials.is_spent() {
            let between = fails + (works - fails) / 2;
            if self.trials.satisfies(&scenario(between)) {
                works = between;
            } else if self.trials.was_run() {
                fails = between;
            }
        }
        works
    }
}
