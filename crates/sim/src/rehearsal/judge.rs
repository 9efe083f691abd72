//! Assertions: at a moment, all the time, and in the end.

use super::agenda::Due;
use super::record::{Durations, Sample, Tally, What};
use super::stage::Stage;
use crate::check::Check;
use crate::fleet::FleetSim;
use crate::scenario::expectation::{Bound, Expectation, Percentile};
use crate::scenario::form::{Assertion, AssertionKind, Scenario};

/// Assertions that have to hold all the time are looked at this often.
const WATCH_MS: u64 = 1_000;

/// An assertion on its way.
#[derive(Debug)]
struct Pending {
    assertion: Assertion,
    /// What was seen, once that is settled.
    check: Option<Check>,
    /// What a rate began at, and when.
    began: Option<(u64, u32)>,
}

/// The assertions of a scenario, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Judge {
    pending: Vec<Pending>,
}

impl Judge {
    /// Of a scenario.
    pub(super) fn new(scenario: &Scenario) -> Self {
        let pending = |(_, one): (String, &Assertion)| Pending { assertion: one.clone(), check: None, began: None };
        Self { pending: scenario.all_assertions().map(pending).collect() }
    }

    /// The last moment that any of them asks for.
    pub(super) fn last_ms(&self) -> u64 {
        let asked = self.pending.iter().flat_map(|one| [one.assertion.at, one.assertion.until]).flatten();
        asked.map(|span| span.0).max().unwrap_or(0)
    }
}

impl Assertion {
    fn is_window(&self) -> bool {
        self.kind == AssertionKind::Rate
    }

    /// In words.
    fn text(&self) -> String {
        let kind = serde_json::to_value(self.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
        let mut text = kind.unwrap_or_default();
        if !self.target.is_empty() {
            text = format!("{text} of {}", self.target);
        }
        match (self.at, self.until) {
            (Some(at), Some(until)) => format!("{text} from {at} to {until}"),
            (Some(at), None) => format!("{text} at {at}"),
            (None, Some(until)) => format!("{text} until {until}"),
            (None, None) => text,
        }
    }
}

impl Stage {
    /// Puts down when assertions are looked at.
    pub(super) fn prepare_assertions(&mut self) {
        let mut watches = false;
        for (number, one) in self.judge.pending.iter().enumerate() {
            let of = &one.assertion;
            match (of.at, of.until) {
                (at, until) if of.is_window() => {
                    self.agenda.put(at.unwrap_or_default().0, Due::Assertion(number));
                    if let Some(until) = until {
                        self.agenda.put(until.0, Due::Assertion(number));
                    }
                }
                (_, Some(_)) => watches = true,
                (Some(at), None) => self.agenda.put(at.0, Due::Assertion(number)),
                (None, None) => {}
            }
        }
        if watches {
            self.agenda.put(0, Due::Watch);
        }
    }

    /// The moment of an assertion has come.
    pub(super) fn assertion(&mut self, fleet: &FleetSim, number: usize) {
        let one = &self.judge.pending[number];
        if one.check.is_some() {
            return;
        }
        if one.assertion.is_window() && one.began.is_none() {
            let count = rising(&self.books.record.tally, &one.assertion.target);
            self.judge.pending[number].began = Some((fleet.now_ms(), count));
            return;
        }
        let check = self.settle(fleet, number);
        self.judged(fleet, Some(number), check);
    }

    fn settle(&self, fleet: &FleetSim, number: usize) -> Check {
        let one = &self.judge.pending[number];
        match one.began {
            Some((since, count)) => self.check_rate(fleet, &one.assertion, since, count),
            None => self.check(fleet, &one.assertion),
        }
    }

    /// Looks at what has to hold all the time, and again a second later.
    pub(super) fn watch(&mut self, fleet: &FleetSim) {
        let now = fleet.now_ms();
        let is_on = |one: &Pending| {
            let of = &one.assertion;
            let within = of.at.unwrap_or_default().0 <= now && of.until.is_some_and(|until| now <= until.0);
            one.check.is_none() && !of.is_window() && within
        };
        let due: Vec<usize> =
            (0..).zip(&self.judge.pending).filter(|(_, one)| is_on(one)).map(|(number, _)| number).collect();
        for number in due {
            let mut check = self.check(fleet, &self.judge.pending[number].assertion);
            let ends = self.judge.pending[number].assertion.until.is_some_and(|until| now + WATCH_MS > until.0);
            if !check.passed {
                check.seen = format!("{} at {now} ms", check.seen);
            }
            if !check.passed || ends {
                self.judged(fleet, Some(number), check);
            }
        }
        self.agenda.put(now + WATCH_MS, Due::Watch);
    }

    /// Settles all assertions that are left; returns what was seen, in the order of the file, before what the script saw.
    pub(super) fn settle_all(&mut self, fleet: &FleetSim) {
        for number in 0..self.judge.pending.len() {
            if self.judge.pending[number].check.is_none() {
                let check = self.settle(fleet, number);
                self.judged(fleet, Some(number), check);
            }
        }
    }

    /// Keeps what was seen of an assertion.
    pub(super) fn judged(&mut self, fleet: &FleetSim, number: Option<usize>, check: Check) {
        let passed = check.passed;
        if let Some(number) = number {
            self.judge.pending[number].check = Some(check.clone());
        }
        let assertion = u32::try_from(self.books.record.assertions.len()).unwrap_or(u32::MAX);
        self.books.record.assertions.push(check);
        self.note(fleet, None, What::Asserted { assertion, passed });
    }

    /// Looks at something now.
    pub(super) fn check(&self, fleet: &FleetSim, of: &Assertion) -> Check {
        let text = of.text();
        let expectation = match of.expectation() {
            Ok(expectation) => expectation,
            Err((_, why)) => return Check::holds(text, why, "nothing", false),
        };
        match (of.kind, expectation) {
            (AssertionKind::NodeStatus, Expectation::Word(word)) => {
                let seen = self.numbers.get(&of.target).map_or("absent", |machine| self.status_of(fleet, *machine));
                Check::equal(text, word, seen)
            }
            (AssertionKind::HealthStatus, Expectation::Word(word)) => {
                let seen = self.numbers.get(&of.target).map_or("absent", |machine| self.health_of(*machine).name());
                Check::equal(text, word, seen)
            }
            (AssertionKind::NodeCount, Expectation::Number(bound)) => {
                within(text, bound, self.responsive_in(&of.target))
            }
            (AssertionKind::Count, Expectation::Number(bound)) => {
                let sample = self.count(fleet);
                within(text, bound, counted(&sample, &self.books.record.tally, &of.target).into())
            }
            (AssertionKind::Rate, _) => self.check_rate(fleet, of, 0, 0),
            (AssertionKind::Latency, Expectation::Duration(percentile, bound)) => {
                let durations = match of.target.as_str() {
                    "detect" => &self.books.detect,
                    "repair" => &self.books.repair,
                    _ => &self.books.replace,
                };
                latency(text, percentile, bound, Durations::of(durations.clone()))
            }
            (AssertionKind::Cost, Expectation::Money(bound)) => {
                let (total, wasted) = self.books.money(fleet.now_ms());
                let seen = if of.target == "wasted" { wasted } else { total };
                let dollars =
                    |microusd: u64| format!("{}.{:02} USD", microusd / 1_000_000, microusd % 1_000_000 / 10_000);
                Check::holds(text, format!("{} USD", of.expected.0), dollars(seen), bound.admits(seen))
            }
            (AssertionKind::Invariant, Expectation::Word(word)) => {
                let broken = self.books.broken.get(word.as_str());
                Check::holds(
                    format!("{text} {word}"),
                    "always",
                    broken.map_or("always", String::as_str),
                    broken.is_none(),
                )
            }
            _ => Check::holds(text, of.expected.0.clone(), "nothing", false),
        }
    }

    fn check_rate(&self, fleet: &FleetSim, of: &Assertion, since_ms: u64, began: u32) -> Check {
        let text = format!("{} a minute", of.text());
        let (Ok(Expectation::Number(bound)), lasted) = (of.expectation(), fleet.now_ms().saturating_sub(since_ms))
        else {
            return Check::holds(text, of.expected.0.clone(), "nothing", false);
        };
        let count = u64::from(rising(&self.books.record.tally, &of.target).saturating_sub(began));
        within(text, bound, count * 60_000 / lasted.max(1))
    }

    /// Machines of a place or pool that are up and heard.
    fn responsive_in(&self, target: &str) -> u64 {
        let is_meant = |site: &super::layout::Site, pool: Option<&str>| match target.split_once('=') {
            Some(("zone", zone)) => site.node.zone == zone,
            Some(("region", region)) => site.node.region == region,
            Some(("provider", provider)) => site.node.provider == provider,
            Some(("pool", name)) => pool == Some(name),
            _ => true,
        };
        let all = (0..).zip(self.sites.iter().zip(&self.machines));
        let heard = all
            .filter(|(number, (site, machine))| self.is_responsive(*number) && is_meant(site, machine.pool.as_deref()));
        heard.count() as u64
    }

    /// The script is through: the end, unless something else is still to come.
    pub(super) fn rests(&mut self, fleet: &FleetSim) {
        if self.scenario.stress.is_none() {
            let ends_ms = self.judge.last_ms().max(fleet.now_ms());
            self.agenda.put(ends_ms, Due::End);
        }
    }

    /// The run is over.
    pub(super) fn end(&mut self, fleet: &FleetSim) {
        self.look_for_leaks(fleet);
        self.settle_all(fleet);
        let sample = self.count(fleet);
        self.books.sample(sample, true);
        self.over = true;
    }
}

fn within(text: String, bound: Bound, seen: u64) -> Check {
    Check::holds(text, bound.to_string(), seen, bound.admits(seen))
}

fn latency(text: String, percentile: Percentile, bound: Bound, of: Durations) -> Check {
    let (word, seen) = match percentile {
        Percentile::Mean => ("mean", of.mean_ms),
        Percentile::P50 => ("p50", of.p50_ms),
        Percentile::P90 => ("p90", of.p90_ms),
        Percentile::P99 => ("p99", of.p99_ms),
        Percentile::Max => ("max", of.max_ms),
    };
    let expected = format!("{word} {bound} ms");
    match of.count {
        // Nothing was measured: that is not fast, it is nothing.
        0 => Check::holds(text, expected, "nothing of it happened", false),
        count => Check::holds(text, expected, format!("{seen} ms over {count}"), bound.admits(seen)),
    }
}

fn rising(tally: &Tally, name: &str) -> u32 {
    match name {
        "failures" => tally.failures,
        "recoveries" => tally.recoveries,
        "cascades" => tally.cascades,
        "replacements" => tally.replacements,
        "provisions" => tally.provisions,
        "repaired" => tally.repaired,
        "repairs_held" => tally.repairs_held,
        "breakers_opened" => tally.breakers_opened,
        _ => tally.started,
    }
}

fn counted(sample: &Sample, tally: &Tally, name: &str) -> u32 {
    match name {
        "wanted" => sample.wanted,
        "total" => sample.total,
        "joining" => sample.joining,
        "healthy" => sample.healthy,
        "unknown" => sample.unknown,
        "degraded" => sample.degraded,
        "unhealthy" => sample.unhealthy,
        "unfit" => sample.unfit,
        "cordoned" => sample.cordoned,
        "draining" => sample.draining,
        "failed" => sample.failed,
        "responsive" => sample.responsive,
        "silent" => sample.silent,
        "broken" => sample.broken,
        "active_outages" => sample.active_outages,
        rises => rising(tally, rises),
    }
}
