//! Files of events: a policy is tried on them before a fleet is.
//!
//! One JSON object a line. `at` is a span since the beginning and never goes back; `machine` names whose line it is. The rest says
//! what happens then: `facts` (what the machine is), `event`, `reading`, `clear`, or `expect` (what the verdict has to be by then).
//! A line with none of them lets time pass.

use std::collections::BTreeMap;

use argosy_model::ShardTime;
use serde::{Deserialize, Serialize};

use crate::class::{ActionClass, Health};
use crate::error::ScriptError;
use crate::event::Event;
use crate::policy::Policy;
use crate::verdict::{Transition, Verdict};
use crate::watch::{Facts, Input, Watch};

/// What came of a file.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Transitions and missed expectations, in order.
    pub told: Vec<Told>,
    /// How many expectations there were.
    pub expected: usize,
}

/// One thing that came of a line.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// A verdict changed.
    Changed {
        /// Whose.
        machine: String,
        /// How.
        #[serde(flatten)]
        transition: Transition,
    },
    /// A verdict was not what it had to be.
    Missed {
        /// Whose.
        machine: String,
        /// The line of the expectation.
        line: usize,
        /// What had to be.
        expected: Box<Expectation>,
        /// What was.
        found: Box<Verdict>,
    },
}

/// What a verdict has to be; what is left out may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// How the machine is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ActionClass>,
    /// The rule behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether it must not be supply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfit: Option<bool>,
    /// The GPUs that something is said about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Vec<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: String,
    #[serde(default)]
    machine: String,
    facts: Option<FactsForm>,
    event: Option<Event>,
    reading: Option<Event>,
    #[serde(default)]
    clear: bool,
    expect: Option<Expectation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsForm {
    #[serde(default)]
    gpus: u32,
    #[serde(default)]
    domains: Vec<u32>,
    pool: Option<String>,
}

impl Run {
    /// Whether every expectation was met.
    pub fn holds(&self) -> bool {
        !self.told.iter().any(|told| matches!(told, Told::Missed { .. }))
    }
}

impl Expectation {
    /// Whether a verdict is as it has to be.
    pub fn is_met_by(&self, verdict: &Verdict) -> bool {
        let gpus = || verdict.gpus.iter().map(|one| one.gpu).collect::<Vec<_>>();
        self.health.is_none_or(|health| health == verdict.health)
            && self.class.is_none_or(|class| class == verdict.class)
            && self.rule.as_ref().is_none_or(|rule| *rule == verdict.rule)
            && self.unfit.is_none_or(|unfit| unfit == verdict.unfit)
            && self.gpus.as_ref().is_none_or(|wanted| *wanted == gpus())
    }
}

/// Feeds a file to a policy; `file` is what messages call it.
///
/// # Errors
/// The first line that cannot be read, or that lies before the one above it.
pub fn run(policy: &Policy, file: &str, text: &str) -> Result<Run, ScriptError> {
    let mut run = Run::default();
    let mut watches: BTreeMap<String, Watch> = BTreeMap::new();
    let mut now = ShardTime(0);
    for (number, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty() && !text.starts_with('#'))
    {
        let wrong = |reason: String| ScriptError { file: file.to_owned(), line: number + 1, reason };
        let line: Line = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let at = humantime::parse_duration(&line.at).map_err(|error| wrong(format!("at '{}': {error}", line.at)))?;
        let at = ShardTime(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        if at < now {
            return Err(wrong(format!("at '{}' lies before the line above it", line.at)));
        }
        now = at;
        for (machine, watch) in &mut watches {
            run.changed(machine, watch.advance(now));
        }
        run.line(policy, &mut watches, now, number + 1, line);
    }
    Ok(run)
}

impl Run {
    fn line(
        &mut self,
        policy: &Policy,
        watches: &mut BTreeMap<String, Watch>,
        now: ShardTime,
        number: usize,
        line: Line,
    ) {
        let name = line.machine;
        let fresh = || Watch::new(policy.rules_of(None), Facts::default(), now);
        let watch = watches.entry(name.clone()).or_insert_with(fresh);
        if let Some(form) = line.facts {
            let facts = Facts { gpus: form.gpus, domains: form.domains };
            self.changed(&name, watch.reform(policy.rules_of(form.pool.as_deref()), facts));
        }
        let event = line.event.map(Input::Event);
        let reading = line.reading.map(Input::Reading);
        let clear = line.clear.then_some(Input::Clear);
        for input in [event, reading, clear].into_iter().flatten() {
            self.changed(&name, watch.take(now, input));
        }
        if let Some(expected) = line.expect {
            self.expected += 1;
            let found = watch.verdict();
            if !expected.is_met_by(&found) {
                let (expected, found) = (Box::new(expected), Box::new(found));
                self.told.push(Told::Missed { machine: name, line: number, expected, found });
            }
        }
    }

    fn changed(&mut self, machine: &str, transitions: Vec<Transition>) {
        let told = |transition| Told::Changed { machine: machine.to_owned(), transition };
        self.told.extend(transitions.into_iter().map(told));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_default(text: &str) -> Result<Run, ScriptError> {
        run(&Policy::standard(), "events", text)
    }

    #[test]
    fn an_expectation_that_is_not_met_is_told_with_its_line() {
        let text = "{\"at\":\"1s\",\"event\":{\"event_type\":\"xid\",\"gpu_index\":0,\"metrics\":{\"xid_code\":79}}}\n\
                    # a remark\n{\"at\":\"2s\",\"expect\":{\"health\":\"healthy\"}}\n";
        let run = run_default(text).expect("it reads");
        assert!(!run.holds());
        assert!(matches!(&run.told[1], Told::Missed { line: 3, found, .. } if found.health == Health::Unhealthy));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (text, said) in [
            ("{\"at\":\"1s\",\"evnt\":{}}", "evnt"),
            ("{\"at\":\"soon\"}", "at 'soon'"),
            ("{\"at\":\"2s\"}\n{\"at\":\"1s\"}", "lies before"),
            ("{\"at\":\"1s\",\"event\":{\"event_type\":\"fire\"}}", "fire"),
        ] {
            let error = run_default(text).expect_err(text).to_string();
            assert!(error.starts_with("ARG-1005: events:") && error.contains(said), "{error}");
        }
    }
}
