//! Why a policy wants what it wants, for people and for machines.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Percent;

/// What a policy goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Mean utilisation.
    Utilisation,
    /// Jobs that wait.
    QueueDepth,
    /// Utilisation over a while without a gap.
    Trend,
}

/// Why a policy wants a size. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The specification says how many.
    Fixed,
    /// Utilisation is above the band.
    Busy {
        /// What was seen.
        seen: Percent,
        /// The band's upper end.
        above: Percent,
    },
    /// Utilisation is below the band.
    Idle {
        /// What was seen.
        seen: Percent,
        /// The band's lower end.
        below: Percent,
    },
    /// Utilisation is within the band.
    WithinBand {
        /// What was seen.
        seen: Percent,
    },
    /// Utilisation is below the band, but fewer machines would be above it.
    WouldOverload {
        /// What was seen.
        seen: Percent,
        /// What fewer machines would show.
        then: Percent,
    },
    /// So many jobs wait.
    Jobs {
        /// How many.
        waiting: u64,
        /// How many a machine takes.
        per_machine: u32,
    },
    /// A window of the schedule sets the bounds, and no other policy goes on from there.
    Window {
        /// Its place in the list, from 0.
        window: u32,
    },
    /// No window applies, and no other policy goes on from there.
    NoWindow,
    /// Utilisation is heading there.
    Forecast {
        /// What was seen last.
        seen: Percent,
        /// What is expected.
        expected: Percent,
    },
    /// Utilisation is heading nowhere that asks for more, and no other policy goes on from there.
    Calm {
        /// What is expected.
        expected: Percent,
    },
    /// The metric that the policy goes by is missing, or too old to be believed.
    Unknown {
        /// Which one.
        metric: Metric,
    },
    /// The mean of several policies.
    Mean {
        /// How many.
        policies: u32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed => write!(f, "the pool has a fixed size"),
            Self::Busy { seen, above } => write!(f, "utilisation {seen} is above {above}"),
            Self::Idle { seen, below } => write!(f, "utilisation {seen} is below {below}"),
            Self::WithinBand { seen } => write!(f, "utilisation {seen} is within the band"),
            Self::WouldOverload { seen, then } => {
                write!(f, "utilisation {seen} is low, but fewer machines would be at {then}")
            }
            Self::Jobs { waiting, per_machine } => write!(f, "{waiting} jobs wait, {per_machine} to a machine"),
            Self::Window { window } => write!(f, "window {window} of the schedule applies"),
            Self::NoWindow => write!(f, "no window of the schedule applies"),
            Self::Forecast { seen, expected } => write!(f, "utilisation {seen} is heading for {expected}"),
            Self::Calm { expected } => write!(f, "utilisation is heading for {expected}, which asks for no more"),
            Self::Unknown { metric: Metric::Utilisation } => write!(f, "utilisation is not known"),
            Self::Unknown { metric: Metric::QueueDepth } => write!(f, "the depth of the queue is not known"),
            Self::Unknown { metric: Metric::Trend } => write!(f, "there is no history without a gap yet"),
            Self::Mean { policies } => write!(f, "the mean of {policies} policies"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_a_sentence_with_its_figures() {
        let reasons = [
            (Reason::Fixed, "the pool has a fixed size"),
            (Reason::Window { window: 2 }, "window 2 of the schedule applies"),
            (Reason::NoWindow, "no window of the schedule applies"),
            (Reason::Unknown { metric: Metric::Utilisation }, "utilisation is not known"),
            (Reason::Unknown { metric: Metric::QueueDepth }, "the depth of the queue is not known"),
            (Reason::Unknown { metric: Metric::Trend }, "there is no history without a gap yet"),
            (Reason::Mean { policies: 3 }, "the mean of 3 policies"),
            (Reason::Jobs { waiting: 73, per_machine: 10 }, "73 jobs wait, 10 to a machine"),
        ];
        for (reason, told) in reasons {
            assert_eq!(reason.to_string(), told);
        }
    }
}
