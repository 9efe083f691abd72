//! What is going to happen in a rehearsal, by time; of one moment, in the order in which it was put down.

use std::collections::BTreeMap;

use super::record::{FailureNumber, MachineNumber};

/// Something that is going to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A machine's agent has come up and says so.
    Greeting(MachineNumber),
    /// The next failure at the scenario's rate.
    Primary,
    /// A failure spreads to a machine.
    Spread {
        /// The machine.
        machine: MachineNumber,
        /// From which failure.
        parent: FailureNumber,
    },
    /// A failure has another in its wake.
    Wake {
        /// The machine.
        machine: MachineNumber,
        /// Of which failure.
        parent: FailureNumber,
        /// By which rule.
        rule: usize,
    },
    /// An agent reports a failure.
    Report(FailureNumber),
    /// A hot GPU is read again.
    Reading(FailureNumber),
    /// A failure ends by itself.
    Recovery(FailureNumber),
    /// An agent has done what it was ordered.
    CarriedOut {
        /// The machine.
        machine: MachineNumber,
        /// The order.
        order: u64,
    },
    /// An agent has not been heard for as long as it takes to be called silent.
    Silence {
        /// The machine.
        machine: MachineNumber,
        /// Since when it has not been heard.
        since_ms: u64,
    },
    /// A scheduled outage begins.
    OutageBegins(usize),
    /// A scheduled outage ends.
    OutageEnds(usize),
    /// Autoscalers are told a load.
    Load(usize),
    /// Autoscalers look at their pools, as they do now and again.
    Look,
    /// They do so because they were told something.
    SoonLook,
    /// The fleet is counted for the timeline.
    Sample,
    /// Assertions that have to hold all the time are looked at.
    Watch,
    /// An assertion is looked at, or the window of a rate begins.
    Assertion(usize),
    /// The script goes on.
    Script,
    /// Another leader takes over.
    NewLeader,
    /// The run is over.
    End,
}

/// All that is going to happen.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeMap<(u64, u64), Due>,
    put: u64,
}

impl Agenda {
    /// Puts something down.
    pub(super) fn put(&mut self, at_ms: u64, due: Due) {
        self.put += 1;
        self.due.insert((at_ms, self.put), due);
    }

    /// When something happens next.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.due.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    /// The next thing that is due by now.
    pub(super) fn pop(&mut self, now_ms: u64) -> Option<Due> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now_ms)?;
        Some(entry.remove())
    }
}
