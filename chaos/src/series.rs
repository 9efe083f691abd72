//! Many runs: seeds dealt to workers, outcomes summed up as they come.

use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use argosy_failpoint::Planted;

use crate::arming::Arming;
use crate::faults::{Campaign, draw};
use crate::report::Report;
use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::stage::Stage;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Series {
    /// The seeds.
    pub seeds: RangeInclusive<u64>,
    /// The scenario; without one every seed draws a campaign of its own.
    pub scenario: Option<Scenario>,
    /// How long a drawn campaign strikes.
    pub safety: Duration,
    /// Whether drawn campaigns have failpoints.
    pub failpoints: bool,
    /// A bug that every world has.
    pub planted: Option<Planted>,
    /// Worlds at a time.
    pub jobs: usize,
    /// No seed is begun after this time.
    pub until: Option<Instant>,
}

impl Series {
    /// The campaign of one seed.
    #[must_use]
    pub fn campaign(&self, seed: u64) -> Campaign {
        let drawn = || {
            let campaign = draw(seed, self.safety);
            if self.failpoints { campaign } else { Campaign { failpoints: Arming::default(), ..campaign } }
        };
        let campaign = self.scenario.as_ref().map_or_else(drawn, Scenario::campaign);
        Campaign { planted: self.planted, ..campaign }
    }

    /// Runs all of it, each worker on a stage of its own; `each` hears of every outcome as it comes, on whatever worker has it.
    pub fn run<S: Stage>(&self, stage: impl Fn() -> S + Sync, each: impl Fn(&Outcome) + Sync) -> Report {
        let began = Instant::now();
        let next = AtomicU64::new(*self.seeds.start());
        let report = Mutex::new(Report::default());
        std::thread::scope(|workers| {
            for _ in 0..self.jobs.max(1) {
                workers.spawn(|| {
                    let mut stage = stage();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        let late = self.until.is_some_and(|until| Instant::now() >= until);
                        if seed > *self.seeds.end() || late {
                            return;
                        }
                        let outcome = stage.run(&self.campaign(seed), seed);
                        each(&outcome);
                        report.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(&outcome);
                    }
                });
            }
        });
        report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).finish(began.elapsed())
    }
}
