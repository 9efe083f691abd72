//! The book as it lies in a snapshot.

use std::sync::Arc;

use argosy_model::MachineIx;
use serde::{Deserialize, Serialize};

use super::{Book, Counts, Latch};
use crate::place::Domain;
use crate::record::{Hold, Kept, Onset};

/// One part of a book. Append-only: it lies in snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stored {
    /// What has become of repairs.
    Counts(Counts),
    /// A repair.
    Repair(MachineIx, Kept),
    /// A hold.
    Hold(MachineIx, Hold),
    /// A machine that was found unfit; in their order.
    Onset(Onset),
    /// A breaker.
    Breaker(Domain, Latch),
}

impl Stored {
    /// The machine that it is about, which must be there.
    #[must_use]
    pub fn machine(&self) -> Option<MachineIx> {
        match self {
            Self::Repair(machine, _) | Self::Hold(machine, _) => Some(*machine),
            // An onset may outlive its machine.
            Self::Counts(_) | Self::Onset(_) | Self::Breaker(..) => None,
        }
    }
}

impl Book {
    /// Everything in it, in one order; nothing of an empty one.
    pub fn parts(&self) -> impl Iterator<Item = Stored> + '_ {
        let counts = (self.counts != Counts::default()).then_some(Stored::Counts(self.counts));
        let repairs = self.repairs.iter().map(|(machine, repair)| Stored::Repair(*machine, Arc::clone(repair)));
        let holds = self.holds.iter().map(|(machine, hold)| Stored::Hold(*machine, (**hold).clone()));
        let onsets = self.onsets.iter().cloned().map(Stored::Onset);
        let breakers = self.breakers.iter().map(|(domain, latch)| Stored::Breaker(domain.clone(), latch.clone()));
        counts.into_iter().chain(repairs).chain(holds).chain(onsets).chain(breakers)
    }

    /// Puts a part back.
    pub fn restore(&mut self, part: Stored) {
        match part {
            Stored::Counts(counts) => self.counts = counts,
            Stored::Repair(machine, repair) => drop(self.repairs.insert(machine, repair)),
            Stored::Hold(machine, hold) => drop(self.holds.insert(machine, Arc::new(hold))),
            Stored::Onset(onset) => self.onsets.push_back(onset),
            Stored::Breaker(domain, latch) => drop(self.breakers.insert(domain, latch)),
        }
    }
}
