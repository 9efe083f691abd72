//! The book of a shard's repairs: what of them lies in the log. It changes only by what is committed, and it says what that
//! changed, so that whoever keeps the machines can bring their flags in line.
//!
//! Architecture invariant: a move is taken only if it was decided from the record as it stands, and an admission only if it passes
//! the [`Gate`](crate::Gate) as it stands.

mod breakers;
mod heard;
mod orders;
pub(crate) mod steps;
mod stored;

use std::sync::Arc;

use argosy_model::{MachineIx, ShardTime};
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};

pub use self::breakers::Latch;
pub use self::heard::{Heard, Report};
pub use self::steps::{At, Late, Stepped};
pub use self::stored::Stored;
use crate::place::{Domain, Place};
use crate::record::{Hold, Kept, Onset, Repair};

/// Most onsets that are kept: where more machines fail within a window, every breaker is open anyway.
pub const MAX_ONSETS: usize = 4_096;

/// The repairs of one shard. Clones share structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    repairs: OrdMap<MachineIx, Kept>,
    holds: OrdMap<MachineIx, Arc<Hold>>,
    /// Oldest first.
    onsets: Vector<Onset>,
    breakers: OrdMap<Domain, Latch>,
    counts: Counts,
}

/// What has become of repairs since the shard began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Machines that were found unfit.
    pub opened: u64,
    /// Repairs that were admitted.
    pub admitted: u64,
    /// Orders that were given to agents.
    pub orders: u64,
    /// Tries that did not help.
    pub failed: u64,
    /// Machines that recovered by themselves.
    pub recovered: u64,
    /// Machines that were repaired.
    pub repaired: u64,
    /// Machines that were given back for another.
    pub replaced: u64,
    /// Machines that were given to people to look at.
    pub quarantined: u64,
    /// Machines that went away otherwise meanwhile.
    pub gone: u64,
    /// Breakers that opened.
    pub trips: u64,
}

/// How a repair ended. Append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The machine recovered before anything was done to it.
    Recovered,
    /// It was repaired.
    Repaired,
    /// It was given back.
    Replaced,
    /// It went away otherwise.
    Gone,
    /// Verdicts act no longer.
    Dropped,
}

impl Ending {
    /// Its name in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Repaired => "repaired",
            Self::Replaced => "replaced",
            Self::Gone => "gone",
            Self::Dropped => "dropped",
        }
    }
}

/// A repair that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its last record.
    pub repair: Kept,
    /// How it ended.
    pub ending: Ending,
}

/// A repair that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened(pub Kept);

impl Book {
    /// The repair of a machine.
    #[must_use]
    pub fn get(&self, machine: MachineIx) -> Option<&Repair> {
        self.repairs.get(&machine).map(|repair| &**repair)
    }

    /// All repairs, by slot.
    pub fn repairs(&self) -> impl Iterator<Item = (MachineIx, &Repair)> {
        self.repairs.iter().map(|(machine, repair)| (*machine, &**repair))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.repairs.len()
    }

    /// Whether nothing is in repair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.repairs.is_empty()
    }

    /// The hold on a machine that is in force at `now`.
    #[must_use]
    pub fn hold(&self, machine: MachineIx, now: ShardTime) -> Option<&Hold> {
        self.holds.get(&machine).map(|hold| &**hold).filter(|hold| hold.until > now)
    }

    /// Every hold that is in force at `now`, by slot.
    pub fn holds(&self, now: ShardTime) -> impl Iterator<Item = (MachineIx, &Hold)> {
        self.holds.iter().map(|(machine, hold)| (*machine, &**hold)).filter(move |(_, hold)| hold.until > now)
    }

    /// Every domain that a repair counts in, or a breaker may count; some more than once.
    pub fn domains(&self) -> impl Iterator<Item = Domain> + '_ {
        let places = self.repairs.values().map(|repair| &repair.place);
        places.chain(self.onsets.iter().map(|onset| &onset.place)).flat_map(Place::domains)
    }

    /// What has become of repairs.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Changes a repair, and gives back what it is now.
    fn change(&mut self, machine: MachineIx, change: impl FnOnce(&mut Repair)) -> Kept {
        let kept = self.repairs.get_mut(&machine).expect("only a repair that is there changes");
        let repair = Arc::make_mut(kept);
        change(repair);
        repair.updates += 1;
        Arc::clone(kept)
    }

    fn close(&mut self, machine: MachineIx, ending: Ending) -> Option<Closed> {
        let repair = self.repairs.remove(&machine)?;
        let count = match ending {
            Ending::Recovered => Some(&mut self.counts.recovered),
            Ending::Repaired => Some(&mut self.counts.repaired),
            Ending::Replaced => Some(&mut self.counts.replaced),
            Ending::Gone => Some(&mut self.counts.gone),
            Ending::Dropped => None,
        };
        if let Some(count) = count {
            *count += 1;
        }
        Some(Closed { repair, ending })
    }

    /// Says that a machine's flags were set, or cleared, because of its repair.
    pub fn flagged(&mut self, machine: MachineIx, on: bool) {
        if let Some(repair) = self.repairs.get_mut(&machine).filter(|repair| repair.flagged != on) {
            Arc::make_mut(repair).flagged = on;
        }
    }
}
