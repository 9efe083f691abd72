//! What an assertion expects, read from its text: a status, a number at least, or a bound such as `p99 <= 90s`.

use std::fmt;

use super::form::{Assertion, AssertionKind};
use super::scalar::Span;

/// A bound on a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// How the number compares.
    pub relation: Relation,
    /// With what.
    pub limit: u64,
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// At least.
    AtLeast,
    /// At most.
    AtMost,
    /// More than.
    Above,
    /// Less than.
    Below,
    /// Exactly.
    Exactly,
}

/// Which of many durations is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percentile {
    /// Their mean.
    Mean,
    /// Half of them are no longer.
    P50,
    /// Nine of ten.
    P90,
    /// Ninety-nine of a hundred.
    P99,
    /// The longest.
    Max,
}

/// What is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// This word.
    Word(String),
    /// A number within a bound.
    Number(Bound),
    /// A duration in milliseconds within a bound.
    Duration(Percentile, Bound),
    /// An amount of money in micro-dollars within a bound.
    Money(Bound),
}

impl Relation {
    const ALL: [(&'static str, Self); 5] =
        [(">=", Self::AtLeast), ("<=", Self::AtMost), ("==", Self::Exactly), (">", Self::Above), ("<", Self::Below)];

    fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(_, relation)| *relation == self).map_or("", |(sign, _)| sign)
    }
}

impl Bound {
    /// Whether a number is within it.
    pub fn admits(self, number: u64) -> bool {
        match self.relation {
            Relation::AtLeast => number >= self.limit,
            Relation::AtMost => number <= self.limit,
            Relation::Above => number > self.limit,
            Relation::Below => number < self.limit,
            Relation::Exactly => number == self.limit,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.relation.sign(), self.limit)
    }
}

const STATUSES: [&str; 5] = ["active", "cordoned", "draining", "unhealthy", "terminated"];
const HEALTHS: [&str; 4] = ["healthy", "degraded", "unhealthy", "unknown"];
/// The rules that an assertion of type `invariant` may name.
pub const INVARIANTS: [&str; 4] = ["never_above_max", "never_below_min", "no_leak", "no_double_action"];
/// What `latency` may look at.
pub const LATENCIES: [&str; 3] = ["detect", "detect_to_replace", "repair"];
/// What `cost` may look at.
pub const COSTS: [&str; 2] = ["total", "wasted"];
/// Numbers of the fleet that rise and fall; `count` may look at them.
pub const LEVELS: [&str; 15] = [
    "wanted",
    "total",
    "joining",
    "healthy",
    "unknown",
    "degraded",
    "unhealthy",
    "unfit",
    "cordoned",
    "draining",
    "failed",
    "responsive",
    "silent",
    "broken",
    "active_outages",
];
/// Numbers of the fleet that only rise; `count` and `rate` may look at them.
pub const RISING: [&str; 9] = [
    "failures",
    "recoveries",
    "cascades",
    "replacements",
    "provisions",
    "started",
    "repaired",
    "repairs_held",
    "breakers_opened",
];

/// A word for a status, checked.
///
/// # Errors
/// What there is.
pub fn status(word: &str) -> Result<String, String> {
    one_of(&word.to_lowercase(), &STATUSES, "a status")
}

impl Assertion {
    /// What it expects.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub fn expectation(&self) -> Result<Expectation, (&'static str, String)> {
        let expected = self.expected.0.trim();
        let of_expected = |why: String| ("expected", why);
        let of_target = |known: &[&str], what: &str| one_of(&self.target, known, what).map_err(|why| ("target", why));
        match self.kind {
            AssertionKind::NodeStatus => status(expected).map(Expectation::Word).map_err(of_expected),
            AssertionKind::HealthStatus => {
                let word = one_of(&expected.to_lowercase(), &HEALTHS, "a verdict");
                word.map(Expectation::Word).map_err(of_expected)
            }
            AssertionKind::NodeCount => {
                let least = expected.parse().map_err(|_| of_expected(format!("'{expected}' is no number of machines")));
                Ok(Expectation::Number(Bound { relation: Relation::AtLeast, limit: least? }))
            }
            AssertionKind::Count => {
                of_target(&[&LEVELS[..], &RISING].concat(), "a number of the fleet")?;
                number(expected).map(Expectation::Number).map_err(of_expected)
            }
            AssertionKind::Rate => {
                of_target(&RISING, "a number that rises")?;
                number(expected).map(Expectation::Number).map_err(of_expected)
            }
            AssertionKind::Cost => {
                of_target(&COSTS, "a cost")?;
                let dollars = number(expected).map_err(of_expected)?;
                Ok(Expectation::Money(Bound { limit: dollars.limit.saturating_mul(1_000_000), ..dollars }))
            }
            AssertionKind::Latency => {
                of_target(&LATENCIES, "a latency")?;
                duration(expected).map_err(of_expected)
            }
            AssertionKind::Invariant => {
                one_of(expected, &INVARIANTS, "an invariant").map(Expectation::Word).map_err(of_expected)
            }
        }
    }
}

fn one_of(word: &str, known: &[&str], what: &str) -> Result<String, String> {
    match known.contains(&word) {
        true => Ok(word.to_owned()),
        false => Err(format!("'{word}' is not {what}: {}", known.join(", "))),
    }
}

fn relation(text: &str) -> (Relation, &str) {
    let found = Relation::ALL.iter().find_map(|(sign, relation)| Some((*relation, text.strip_prefix(sign)?)));
    let (relation, rest) = found.unwrap_or((Relation::Exactly, text));
    (relation, rest.trim())
}

fn number(text: &str) -> Result<Bound, String> {
    let (relation, rest) = relation(text);
    let limit = rest.replace(['_', ','], "").parse();
    limit.map(|limit| Bound { relation, limit }).map_err(|_| format!("'{text}' is no bound such as >= 4000"))
}

fn duration(text: &str) -> Result<Expectation, String> {
    let (word, rest) = text.split_once(' ').ok_or_else(|| format!("'{text}' is no bound such as p99 <= 90s"))?;
    let percentile = match word {
        "mean" => Percentile::Mean,
        "p50" => Percentile::P50,
        "p90" => Percentile::P90,
        "p99" => Percentile::P99,
        "max" => Percentile::Max,
        other => return Err(format!("'{other}' is none of mean, p50, p90, p99, max")),
    };
    let (relation, rest) = relation(rest.trim());
    let span = Span::read(rest)?;
    Ok(Expectation::Duration(percentile, Bound { relation, limit: span.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::scalar::Words;

    fn read(kind: AssertionKind, target: &str, expected: &str) -> Result<Expectation, (&'static str, String)> {
        let (target, expected) = (target.to_owned(), Words(expected.to_owned()));
        Assertion { kind, target, expected, ..Assertion::default() }.expectation()
    }

    #[test]
    fn what_people_write_is_read_as_they_mean_it() {
        let bound = |relation, limit| Bound { relation, limit };
        for (kind, target, text, expected) in [
            (AssertionKind::NodeStatus, "n", "Active", Expectation::Word("active".to_owned())),
            (AssertionKind::NodeCount, "all", "800", Expectation::Number(bound(Relation::AtLeast, 800))),
            (AssertionKind::Count, "healthy", ">= 4_000", Expectation::Number(bound(Relation::AtLeast, 4_000))),
            (AssertionKind::Count, "unfit", "0", Expectation::Number(bound(Relation::Exactly, 0))),
            (AssertionKind::Cost, "total", "<= 3", Expectation::Money(bound(Relation::AtMost, 3_000_000))),
            (
                AssertionKind::Latency,
                "detect_to_replace",
                "p99 <= 1m30s",
                Expectation::Duration(Percentile::P99, bound(Relation::AtMost, 90_000)),
            ),
        ] {
            assert_eq!(read(kind, target, text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_word_that_means_nothing_is_refused_with_its_key() {
        for (kind, target, text, key) in [
            (AssertionKind::NodeStatus, "n", "acitve", "expected"),
            (AssertionKind::HealthStatus, "n", "fine", "expected"),
            (AssertionKind::NodeCount, "all", "most", "expected"),
            (AssertionKind::Count, "helthy", ">= 1", "target"),
            (AssertionKind::Rate, "healthy", ">= 1", "target"),
            (AssertionKind::Latency, "detect", "90s", "expected"),
            (AssertionKind::Latency, "detect", "p98 <= 90s", "expected"),
            (AssertionKind::Invariant, "", "no_leaks", "expected"),
        ] {
            assert_eq!(read(kind, target, text).map_err(|(key, _)| key), Err(key), "{text}");
        }
    }
}
