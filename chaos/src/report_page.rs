//! A series of worlds as a page for people.

use std::time::Duration;

use crate::page::{Finding, Mark, Page, Run, Spread, Tile, Tone, seconds};
use crate::report::{Report, Row};

impl Report {
    /// The page of a series. `again` says which command runs a seed again.
    #[must_use]
    pub fn page(&self, again: impl Fn(u64) -> String) -> Page {
        let mut runs: Vec<Run> = self.rows.iter().map(|row| run(row, &again)).collect();
        for (_, seed, timeline) in &self.drawn {
            if let Some(run) = runs.iter_mut().find(|run| run.name == name(*seed)) {
                run.timeline = Some(timeline.clone());
                let own = self.violations.iter().filter(|found| found.seed == *seed);
                run.marks = own.map(mark).collect();
            }
        }
        Page {
            title: "Argosy: chaos in simulated worlds".to_owned(),
            about: format!(
                "The replicas that are deployed, under {} faults in {} worlds; one seed is one world, to the byte.",
                self.faults(),
                self.seeds.len()
            ),
            tiles: self.tiles(),
            findings: self.violations.iter().map(|found| finding(found, &again)).collect(),
            faults: self.fault_events.clone(),
            spreads: vec![
                spread("Gaps of over a second between answers to administrators", &self.outages),
                spread("From healing to rest", &self.recoveries),
            ],
            failpoints: self.failpoints.clone(),
            columns: ["simulated", "faults", "outages", "longest", "rest after", "trace"].map(str::to_owned).to_vec(),
            runs,
        }
    }

    fn tiles(&self) -> Vec<Tile> {
        let plain = |label: &str, value: String| Tile { label: label.to_owned(), value, tone: Tone::Plain };
        let broken = self.violations.len();
        let tone = if broken == 0 { Tone::Good } else { Tone::Bad };
        let mut tiles = vec![
            Tile { label: "promises broken".to_owned(), value: broken.to_string(), tone },
            plain("worlds", self.seeds.len().to_string()),
            plain("simulated", seconds(self.simulated_s)),
            plain("times real time", format!("{:.0}", self.simulated_s / self.wall_s.max(0.001))),
            plain("faults struck", self.faults().to_string()),
            plain("operations answered", self.answered.to_string()),
            plain(
                "outages, p50 and p99",
                format!("{}, {}", seconds(self.unavailable_s.p50), seconds(self.unavailable_s.p99)),
            ),
            plain("rest after healing, p99", seconds(self.recovery_s.p99)),
        ];
        if !self.failpoints.is_empty() {
            let fired = self.failpoints.values().filter(|hits| **hits > 0).count();
            let tone = if fired == self.failpoints.len() { Tone::Good } else { Tone::Bad };
            let value = format!("{fired} of {}", self.failpoints.len());
            tiles.push(Tile { label: "failpoints fired".to_owned(), value, tone });
        }
        tiles
    }
}

fn name(seed: u64) -> String {
    format!("seed {seed}")
}

fn run(row: &Row, again: impl Fn(u64) -> String) -> Run {
    let longest = row.outages.iter().max().copied().unwrap_or_default();
    let figures = vec![
        seconds(row.simulated.as_secs_f64()),
        row.faults.to_string(),
        row.outages.len().to_string(),
        if longest.is_zero() { "-".to_owned() } else { seconds(longest.as_secs_f64()) },
        row.recovery.map_or_else(|| "-".to_owned(), |time| seconds(time.as_secs_f64())),
        row.trace_hash.chars().take(12).collect(),
    ];
    Run { name: name(row.seed), broken: row.broken, figures, command: again(row.seed), ..Run::default() }
}

fn finding(found: &crate::report::Finding, again: impl Fn(u64) -> String) -> Finding {
    Finding {
        promise: found.invariant.clone(),
        place: format!("seed {}, at {}", found.seed, seconds(found.at_s)),
        detail: found.detail.clone(),
        command: again(found.seed),
    }
}

fn mark(found: &crate::report::Finding) -> Mark {
    Mark { at_s: found.at_s, label: found.invariant.clone(), detail: found.detail.clone() }
}

fn spread(title: &str, times: &[Duration]) -> Spread {
    Spread { title: title.to_owned(), seconds: times.iter().map(Duration::as_secs_f64).collect(), aim_s: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::render;
    use crate::run::{Outcome, Violation};

    fn outcome(seed: u64, outage_s: u64, broken: bool) -> Outcome {
        let violation =
            Violation { invariant: "rule".to_owned(), at: Duration::from_secs(3), detail: "how".to_owned() };
        Outcome {
            seed,
            outages: vec![Duration::from_secs(outage_s)],
            violations: if broken { vec![violation] } else { Vec::new() },
            ..Outcome::default()
        }
    }

    #[test]
    fn of_many_runs_those_are_drawn_that_broke_and_those_with_the_longest_outages() {
        let mut report = Report::default();
        for seed in 1..=40 {
            report.add(&outcome(seed, seed, seed == 3));
        }
        let page = report.finish(Duration::from_secs(1)).page(|seed| format!("replay {seed}"));
        let drawn: Vec<&str> =
            page.runs.iter().filter(|run| run.timeline.is_some()).map(|run| run.name.as_str()).collect();
        assert_eq!(drawn.len(), 12);
        assert!(drawn.contains(&"seed 3") && drawn.contains(&"seed 40") && !drawn.contains(&"seed 20"), "{drawn:?}");
        assert_eq!(page.runs.len(), 40);
        assert!(render(&page).contains("<code>replay 40</code>"));
    }
}
