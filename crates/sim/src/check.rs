//! What a run was expected to come to, and what it came to.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fleet::FleetSim;
use crate::leader::Leader;
use crate::trace::hex;

/// One expectation and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What is looked at.
    pub text: String,
    /// What it ought to be.
    pub expected: String,
    /// What it is.
    pub seen: String,
    /// Whether that will do.
    pub passed: bool,
}

impl Check {
    /// Something that has exactly one right value.
    pub fn equal(text: impl Into<String>, expected: impl fmt::Display, seen: impl fmt::Display) -> Self {
        let (expected, seen) = (expected.to_string(), seen.to_string());
        Self { text: text.into(), passed: expected == seen, expected, seen }
    }

    /// Something with more than one right value; `expected` says which.
    pub fn holds(text: impl Into<String>, expected: impl Into<String>, seen: impl fmt::Display, passed: bool) -> Self {
        Self { text: text.into(), expected: expected.into(), seen: seen.to_string(), passed }
    }

    /// A number that may not be below `least`.
    pub fn at_least(text: impl Into<String>, least: u64, seen: u64) -> Self {
        Self::holds(text, format!("at least {least}"), seen, seen >= least)
    }

    /// A number that may not be above `most`.
    pub fn at_most(text: impl Into<String>, most: u64, seen: u64) -> Self {
        Self::holds(text, format!("at most {most}"), seen, seen <= most)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.passed { "ok  " } else { "FAIL" };
        write!(f, "{mark} {}: {}", self.text, self.seen)?;
        if self.passed { Ok(()) } else { write!(f, " (expected {})", self.expected) }
    }
}

/// What a run came to. Made of virtual time alone: the same run gives the same report, to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which run.
    pub name: String,
    /// Whether every check passed and no rule was broken.
    pub passed: bool,
    /// What was expected, and seen.
    pub assertions: Vec<Check>,
    /// Rules that were broken on the way; none in a sound run.
    pub violations: Vec<String>,
    /// Cycles run, of all shards.
    pub cycles: u64,
    /// Log entries applied, of all shards.
    pub entries: u64,
    /// Virtual time that passed, in seconds.
    pub virtual_s: u64,
    /// SHA-256 of the trace, or of the decisions where no trace was kept.
    pub trace_hash: String,
}

impl Report {
    /// Of a fleet whose run is over.
    pub fn of(name: &str, fleet: &FleetSim, assertions: Vec<Check>, trace_hash: String) -> Self {
        let violations = fleet.broken();
        Self {
            name: name.to_owned(),
            passed: violations.is_empty() && assertions.iter().all(|check| check.passed),
            assertions,
            violations,
            cycles: fleet.leaders().iter().map(Leader::cycles).sum(),
            entries: fleet.leaders().iter().map(|leader| leader.state().revision()).sum(),
            virtual_s: fleet.now_ms() / 1_000,
            trace_hash,
        }
    }

    /// Of many fleets that were judged together.
    pub fn of_many(name: &str, assertions: Vec<Check>) -> Self {
        let told: Vec<String> = assertions.iter().map(ToString::to_string).collect();
        Self {
            name: name.to_owned(),
            passed: assertions.iter().all(|check| check.passed),
            assertions,
            violations: Vec::new(),
            cycles: 0,
            entries: 0,
            virtual_s: 0,
            trace_hash: hex(&Sha256::digest(told.join("\n"))),
        }
    }

    /// Both runs as one: what one was expected to come to, and what the other was.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.passed &= other.passed;
        self.assertions.extend(other.assertions);
        self.violations.extend(other.violations);
        self.cycles += other.cycles;
        self.entries += other.entries;
        self.virtual_s += other.virtual_s;
        self.trace_hash = hex(&Sha256::digest(format!("{}{}", self.trace_hash, other.trace_hash)));
        self
    }

    /// Several runs as one.
    ///
    /// # Panics
    /// When there are none.
    pub fn all(reports: impl IntoIterator<Item = Self>) -> Self {
        reports.into_iter().reduce(Self::and).expect("there is a run")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed { "PASS" } else { "FAIL" };
        writeln!(f, "{verdict} {} ({} cycles, {} entries)", self.name, self.cycles, self.entries)?;
        for check in self.assertions.iter().filter(|check| !check.passed) {
            writeln!(f, "  {check}")?;
        }
        for violation in &self.violations {
            writeln!(f, "  broken: {violation}")?;
        }
        Ok(())
    }
}
