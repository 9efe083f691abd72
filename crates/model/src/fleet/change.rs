//! The fleet's journal: which classes machines went out of and into. What decide keeps between cycles follows it.

use super::{Class, Fleet};
use crate::ids::MachineIx;
use crate::journal::Edition;
use crate::machine::Machine;

/// One write to one machine. Class and class may be equal: then only its version, its age or what stands aside has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The class that it was in; `None` if it was not there.
    pub before: Option<Class>,
    /// The class that it is in; `None` if it is gone.
    pub after: Option<Class>,
}

impl Fleet {
    /// What the writes to this fleet have come to.
    pub fn edition(&self) -> Edition {
        self.changes.edition()
    }

    /// The writes since `edition`, oldest first; `None` if they are not known any more, or this fleet never had that edition.
    pub fn changes_since(&self, edition: Edition) -> Option<impl Iterator<Item = &Change>> {
        self.changes.since(edition)
    }

    /// Notes that a machine's record has been written.
    pub(super) fn note(&mut self, ix: MachineIx, before: Option<&Machine>) {
        let machine = self.get(ix);
        let change = Change { before: before.map(Class::of), after: machine.map(Class::of) };
        let numbers =
            machine.map_or(0, |m| u64::from(m.version) << 32 | u64::from(m.assigned_priority.cast_unsigned()));
        let since = machine.map_or(0, |machine| machine.since.0);
        // Handles mean what the vocabulary says, so it is part of the history. What was there before is what the history says.
        let content = (ix, change.after, numbers, since, self.words.stamp());
        self.changes.write(change, &content);
    }
}
