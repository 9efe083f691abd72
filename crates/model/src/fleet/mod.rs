//! The fleet of a shard: every machine's record, and the indexes by which decide finds them without scanning.
//!
//! [`Fleet`] is the only place where a record changes: each write checks the lifecycle edge and the record's
//! invariants, raises the version and keeps the indexes. Nothing is written if a check fails.

mod change;
mod class;
mod error;
mod members;
#[cfg(test)]
mod tests;

use std::hint::black_box;
use std::sync::Arc;

use imbl::OrdSet;

pub use self::change::Change;
pub use self::class::{Class, Classes};
pub use self::error::FleetError;
pub use self::members::Members;
use crate::column::Column;
use crate::ids::{ClusterIx, MachineIx};
use crate::journal::Journal;
use crate::lifecycle::{self, Cause, State};
use crate::machine::{Flags, Machine};
use crate::names::Names;
use crate::time::ShardTime;
use crate::vocabulary::Vocabulary;

/// The machines of one shard. Clones share structure, so a copy of a million machines costs a few pointers.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// Every string, shape and profile that the shard has seen.
    pub words: Vocabulary,
    names: Names,
    machines: Column<Machine>,
    slots: usize,
    free: OrdSet<MachineIx>,
    hosts: Column<Arc<str>>,
    errors: Column<Arc<str>>,
    classes: Classes,
    elastic_idle: OrdSet<(ShardTime, MachineIx)>,
    condemned: OrdSet<MachineIx>,
    changes: Journal<Change>,
}

/// What stands beside a machine's record: text that few machines have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aside {
    /// The provider's reference to the host, where it is not simply the machine's id.
    pub host: Option<Arc<str>>,
    /// What went wrong; there exactly while the machine has failed.
    pub error: Option<Arc<str>>,
}

impl Fleet {
    /// No machines yet, but words that were seen before. For restoring a snapshot.
    pub fn with_words(words: Vocabulary) -> Self {
        Self { words, ..Self::default() }
    }

    /// How many machines there are.
    pub fn len(&self) -> usize {
        self.machines.len()
    }

    /// Whether there is no machine.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slot of the machine with this id.
    pub fn find(&self, id: &str) -> Option<MachineIx> {
        self.names.find(id)
    }

    /// The slot of the machine with each of these ids, as [`Self::find`] says, at a fraction of the price for many.
    pub fn find_each<'a>(&self, ids: impl Iterator<Item = &'a str> + Clone) -> Vec<Option<MachineIx>> {
        self.names.find_each(ids)
    }

    /// The id of a machine.
    pub fn id(&self, ix: MachineIx) -> &str {
        self.names.get(ix)
    }

    /// A machine's record, if the slot is taken.
    pub fn get(&self, ix: MachineIx) -> Option<&Machine> {
        self.machines.get(ix.index())
    }

    /// A machine's record. Panics on a free slot: for handles that the indexes gave out.
    pub fn machine(&self, ix: MachineIx) -> &Machine {
        self.get(ix).expect("an indexed machine exists")
    }

    /// The provider's reference to a machine's host; `None` without hardware.
    pub fn host(&self, ix: MachineIx) -> Option<&str> {
        let machine = self.get(ix)?;
        machine.flags.has(Flags::HOST).then(|| self.hosts.get(ix.index()).map_or_else(|| self.id(ix), |host| &**host))
    }

    /// What went wrong with a failed machine.
    pub fn error(&self, ix: MachineIx) -> Option<&str> {
        self.errors.get(ix.index()).map(|error| &**error)
    }

    /// Looks at these machines side by side, and tells nothing by it: what is then written to one after the other has not to be waited
    /// for each time.
    pub fn look_ahead(&self, machines: impl Iterator<Item = MachineIx>) {
        let look = |ix: MachineIx| {
            let version = self.get(ix).map_or(0, |machine| machine.version as usize);
            version + self.id(ix).as_bytes().first().map_or(0, |first| usize::from(*first))
        };
        black_box(machines.map(look).sum::<usize>());
    }

    /// What stands beside the record, as [`Fleet::put`] takes it.
    pub fn aside(&self, ix: MachineIx) -> Aside {
        Aside { host: self.hosts.get(ix.index()).cloned(), error: self.errors.get(ix.index()).cloned() }
    }

    /// Every machine, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (MachineIx, &Machine)> {
        self.machines.iter().map(|(at, machine)| (MachineIx::from_index(at), machine))
    }

    /// How many slots have ever been given out; a slot may be free.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Machines by class: state, cluster and shape.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// Elastic idle machines that are condemned, by slot: they are released at once.
    pub fn condemned(&self) -> impl Iterator<Item = MachineIx> + '_ {
        self.condemned.iter().copied()
    }

    /// Elastic idle machines that are neither condemned nor kept, longest idle first: what a release looks at.
    pub fn elastic_idle(&self) -> impl Iterator<Item = (ShardTime, MachineIx)> + '_ {
        self.elastic_idle.iter().copied()
    }

    /// How many machines of `cluster` are in `state`.
    pub fn count(&self, state: State, cluster: Option<ClusterIx>) -> usize {
        self.classes.of(state, cluster).map(|(_, members)| members.len()).sum()
    }

    /// Adds a machine that was not known, in the lowest free slot.
    pub fn add(&mut self, id: &str, machine: Machine, aside: Aside) -> Result<MachineIx, FleetError> {
        if id.is_empty() || id.len() > Names::MAX_ID_BYTES {
            return Err(FleetError::BadId { bytes: id.len() });
        }
        if self.find(id).is_some() {
            return Err(FleetError::Known { id: id.to_owned() });
        }
        machine.check(aside.error.is_some()).map_err(|rule| FleetError::Invariant { id: id.to_owned(), rule })?;
        let ix = self.free.get_min().copied().unwrap_or_else(|| MachineIx::from_index(self.slots));
        if self.free.remove(&ix).is_none() {
            self.slots += 1;
        }
        self.names.put(ix, id);
        self.store(ix, machine, aside);
        self.note(ix, None);
        Ok(ix)
    }

    /// Changes a machine's record: the edge must be legal for the cause, and the new record sound.
    pub fn put(&mut self, ix: MachineIx, next: Machine, aside: Aside, cause: Cause) -> Result<Machine, FleetError> {
        let Some(before) = self.get(ix).copied() else {
            return Err(FleetError::Unknown { slot: ix.index() });
        };
        let id = || self.id(ix).to_owned();
        if !lifecycle::is_legal(before.state, next.state, cause) {
            return Err(FleetError::IllegalEdge { id: id(), from: before.state, to: next.state, cause });
        }
        next.check(aside.error.is_some()).map_err(|rule| FleetError::Invariant { id: id(), rule })?;
        let changes_hands = before.state.is_bound() && next.state.is_bound() && before.cluster() != next.cluster();
        if changes_hands {
            return Err(FleetError::ChangesHands { id: id() });
        }
        self.unindex(ix, &before);
        self.store(ix, Machine { version: before.version.wrapping_add(1), ..next }, aside);
        self.note(ix, Some(&before));
        Ok(before)
    }

    /// Moves a machine to another state with nothing else changed; a failure carries its error text.
    pub fn step(
        &mut self,
        ix: MachineIx,
        to: State,
        now: ShardTime,
        error: Option<&str>,
        cause: Cause,
    ) -> Result<Machine, FleetError> {
        let Some(machine) = self.get(ix) else {
            return Err(FleetError::Unknown { slot: ix.index() });
        };
        let next = machine.moved(to, now);
        let host = self.hosts.get(ix.index()).filter(|_| next.flags.has(Flags::HOST)).cloned();
        self.put(ix, next, Aside { host, error: error.map(Arc::from) }, cause)
    }

    /// Takes a machine out: its provider no longer has it, not even as a slot.
    pub fn remove(&mut self, ix: MachineIx) -> Result<Machine, FleetError> {
        let Some(before) = self.get(ix).copied() else {
            return Err(FleetError::Unknown { slot: ix.index() });
        };
        self.unindex(ix, &before);
        self.machines.remove(ix.index());
        self.hosts.remove(ix.index());
        self.errors.remove(ix.index());
        self.names.free(ix);
        self.free.insert(ix);
        self.note(ix, Some(&before));
        Ok(before)
    }

    /// Puts back a stored machine in its own slot, leaving free slots between. For restoring a snapshot only.
    pub fn restore_slot(&mut self, ix: MachineIx, id: &str, machine: Machine, aside: Aside) -> Result<(), FleetError> {
        if ix.index() < self.slots || !self.words.has_shape(machine.shape) || self.find(id).is_some() {
            return Err(FleetError::BadSnapshot { slot: ix.index() });
        }
        if id.is_empty() || id.len() > Names::MAX_ID_BYTES {
            return Err(FleetError::BadId { bytes: id.len() });
        }
        machine.check(aside.error.is_some()).map_err(|rule| FleetError::Invariant { id: id.to_owned(), rule })?;
        self.restore_gap(ix.index());
        self.slots += 1;
        self.names.put(ix, id);
        self.store(ix, machine, aside);
        self.note(ix, None);
        Ok(())
    }

    /// Makes all slots up to `slots` exist, the new ones free. For restoring a snapshot only.
    pub fn restore_gap(&mut self, slots: usize) {
        while self.slots < slots {
            self.free.insert(MachineIx::from_index(self.slots));
            self.slots += 1;
        }
    }

    /// What [`Self::back_to`] takes. Of the machines' records only those are kept that are written over; it ends with that, or with
    /// [`Self::settle`].
    pub fn mark(&mut self) -> Self {
        Self { machines: self.machines.mark(), ..self.clone() }
    }

    /// Lets what was written since [`Self::mark`] stand.
    pub fn settle(&mut self) {
        self.machines.settle();
    }

    /// Takes back what was written since the mark.
    pub fn back_to(&mut self, mark: Self) {
        *self = Self { machines: self.machines.take_back(), ..mark };
    }

    fn store(&mut self, ix: MachineIx, machine: Machine, aside: Aside) {
        self.machines.put(ix.index(), machine);
        match aside.host.filter(|host| **host != *self.names.get(ix)) {
            Some(host) => drop(self.hosts.put(ix.index(), host)),
            None => drop(self.hosts.remove(ix.index())),
        }
        match aside.error {
            Some(error) => drop(self.errors.put(ix.index(), error)),
            None => drop(self.errors.remove(ix.index())),
        }
        self.classes.insert(Class::of(&machine), ix);
        match self.release(&machine) {
            Release::AfterHold => drop(self.elastic_idle.insert((machine.since, ix))),
            Release::AtOnce => drop(self.condemned.insert(ix)),
            Release::Never => {}
        }
    }

    fn unindex(&mut self, ix: MachineIx, machine: &Machine) {
        self.classes.remove(Class::of(machine), ix);
        match self.release(machine) {
            Release::AfterHold => drop(self.elastic_idle.remove(&(machine.since, ix))),
            Release::AtOnce => drop(self.condemned.remove(&ix)),
            Release::Never => {}
        }
    }

    fn release(&self, machine: &Machine) -> Release {
        let is_elastic = || self.words.shape_of(machine.shape).capacity_type.is_elastic();
        match machine.flags {
            _ if machine.state != State::Idle || !is_elastic() => Release::Never,
            flags if flags.has(Flags::CONDEMNED) => Release::AtOnce,
            flags if flags.has(Flags::KEPT) => Release::Never,
            _ => Release::AfterHold,
        }
    }
}

/// When a machine may be given back.
enum Release {
    Never,
    AfterHold,
    AtOnce,
}
