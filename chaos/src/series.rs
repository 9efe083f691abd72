//! Many runs: seeds dealt to workers, outcomes summed up as they come.

use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::faults::{Campaign, draw};
use crate::report::Report;
use crate::run::{Outcome, run};
use crate::scenario::Scenario;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Series {
    /// The seeds.
    pub seeds: RangeInclusive<u64>,
    /// The scenario; without one every seed draws a campaign of its own.
    pub scenario: Option<Scenario>,
    /// How long a drawn campaign strikes.
    pub safety: Duration,
    /// Worlds at a time.
    pub jobs: usize,
    /// No seed is begun after this time.
    pub until: Option<Instant>,
}

impl Series {
    /// The campaign of one seed.
    #[must_use]
    pub fn campaign(&self, seed: u64) -> Campaign {
        self.scenario.as_ref().map_or_else(|| draw(seed, self.safety), Scenario::campaign)
    }

    /// Runs all of it; `each` hears of every outcome as it comes, on whatever worker has it.
    pub fn run(&self, each: impl Fn(&Outcome) + Sync) -> Report {
        let began = Instant::now();
        let next = AtomicU64::new(*self.seeds.start());
        let report = Mutex::new(Report::default());
        std::thread::scope(|workers| {
            for _ in 0..self.jobs.max(1) {
                workers.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        let late = self.until.is_some_and(|until| Instant::now() >= until);
                        if seed > *self.seeds.end() || late {
                            return;
                        }
                        let outcome = run(&self.campaign(seed), seed);
                        each(&outcome);
                        report.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(&outcome);
                    }
                });
            }
        });
        report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).finish(began.elapsed())
    }
}
