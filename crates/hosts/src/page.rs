//! What plays came to, for people.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_chaos::page::{Finding, Page, Run, Spread, Tile, Tone, seconds};

use crate::failover::Times;
use crate::report::{PlayReport, Report};

/// What a killed leader may cost, and a region that is cut off, until the next plan: ARCHITECTURE's budgets, in seconds.
const AIM_S: &[(&str, f64)] = &[("kill", 2.0), ("region-cut", 3.0)];

impl Report {
    /// The page of a run.
    #[must_use]
    pub fn page(&self) -> Page {
        let mut faults = BTreeMap::new();
        for fault in self.plays.iter().flat_map(|play| &play.timeline.faults) {
            *faults.entry(fault.kind.clone()).or_default() += 1;
        }
        Page {
            title: "Argosy: chaos on real hosts".to_owned(),
            about: format!(
                "The binaries that ship, with mutual TLS and RocksDB, in network namespaces joined by a switch; seed {}.{}",
                self.seed,
                self.skipped.iter().map(|(play, why)| format!(" Not played: {play}, {why}.")).collect::<String>()
            ),
            tiles: self.tiles(),
            findings: self.plays.iter().flat_map(findings).collect(),
            faults,
            spreads: self.plays.iter().filter(|play| play.times.len() > 1).flat_map(spreads).collect(),
            failpoints: BTreeMap::new(),
            columns: [
                "took",
                "strikes",
                "leader p50",
                "write p50",
                "plan p50",
                "plan p99",
                "outages",
                "longest",
                "answered",
            ]
            .map(str::to_owned)
            .to_vec(),
            runs: self.plays.iter().map(run).collect(),
        }
    }

    fn tiles(&self) -> Vec<Tile> {
        let plain = |label: String, value: String| Tile { label, value, tone: Tone::Plain };
        let broken = self.broken();
        let tone = if broken == 0 { Tone::Good } else { Tone::Bad };
        let mut tiles = vec![
            Tile { label: "promises broken".to_owned(), value: broken.to_string(), tone },
            plain("plays".to_owned(), self.plays.len().to_string()),
            plain("took".to_owned(), seconds(self.wall_s)),
        ];
        for (name, aim) in AIM_S {
            for play in self.plays.iter().filter(|play| play.play == *name) {
                let value = format!("{}, {}", seconds(play.plan_s.p50), seconds(play.plan_s.p99));
                let tone = if play.plan_s.p99 <= *aim { Tone::Good } else { Tone::Bad };
                tiles.push(Tile { label: format!("{name}: next plan, p50 and p99"), value, tone });
            }
        }
        let answered: usize = self.plays.iter().map(|play| play.answered).sum();
        tiles.push(plain("operations answered".to_owned(), answered.to_string()));
        let effects: u64 = self.plays.iter().map(|play| play.effects).sum();
        tiles.push(plain("effects in the ledgers".to_owned(), effects.to_string()));
        tiles
    }
}

fn again(play: &str) -> String {
    format!("argosy-lab chaos hosts --play {play}")
}

fn findings(play: &PlayReport) -> Vec<Finding> {
    let finding = |violation: &String| {
        let (promise, detail) = violation.split_once(": ").unwrap_or((violation, ""));
        Finding {
            promise: promise.to_owned(),
            place: format!("play {}", play.play),
            detail: detail.to_owned(),
            command: again(&play.play),
        }
    };
    play.violations.iter().map(finding).collect()
}

fn spreads(play: &PlayReport) -> Vec<Spread> {
    let aim = AIM_S.iter().find(|(name, _)| *name == play.play).map(|(_, aim)| *aim);
    let spread = |what: &str, time: fn(&Times) -> Option<Duration>, aim_s| Spread {
        title: format!("{}: {what}", play.play),
        seconds: play.times.iter().filter_map(time).map(|time| time.as_secs_f64()).collect(),
        aim_s,
    };
    vec![
        spread("until a write was acknowledged", |times| times.commit, None),
        spread("until the next plan was committed", |times| times.plan, aim),
    ]
}

fn run(play: &PlayReport) -> Run {
    let time = |time: f64| if play.rounds == 0 { "-".to_owned() } else { seconds(time) };
    let figures = vec![
        seconds(play.wall_s),
        play.rounds.to_string(),
        time(play.leader_s.p50),
        time(play.commit_s.p50),
        time(play.plan_s.p50),
        time(play.plan_s.p99),
        play.outages.to_string(),
        if play.outages == 0 { "-".to_owned() } else { seconds(play.unavailable_s.max) },
        play.answered.to_string(),
    ];
    Run {
        name: play.play.clone(),
        broken: play.violations.len(),
        figures,
        command: again(&play.play),
        timeline: Some(play.timeline.clone()),
        marks: play.marks.clone(),
    }
}

#[cfg(test)]
mod tests {
    use argosy_chaos::page::render;

    use super::*;

    #[test]
    fn a_play_that_broke_a_promise_is_told_with_its_command() {
        let play = PlayReport {
            play: "kill".to_owned(),
            violations: vec!["replicas agree: eu-s1 at 7".to_owned()],
            ..PlayReport::default()
        };
        let report = Report { plays: vec![play], ..Report::default() };
        let page = report.page();
        assert_eq!(
            (page.findings[0].promise.as_str(), page.findings[0].detail.as_str()),
            ("replicas agree", "eu-s1 at 7")
        );
        assert!(render(&page).contains("<code>argosy-lab chaos hosts --play kill</code>"));
    }
}
