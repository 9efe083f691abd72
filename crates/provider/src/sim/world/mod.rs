//! The simulated fleet and its rules, without I/O and without a clock of its own.
//!
//! One thread owns it ([`super::runtime`]); it is told what time it is, changes in memory, and hands what changed to the store in a
//! [`Journal`]. Nothing here waits, and equal sequences of calls per machine give equal outcomes per machine.

mod census;
mod chance;
mod due;
mod listing;
mod mutate;
mod strike;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use argosy_proto::argosy::v1::{Effect, Faults};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

pub(super) use self::census::Census;
pub use self::listing::NOTICE_LABEL;
pub(super) use self::mutate::{Answer, Lost};
use super::catalogue::{Catalogue, Place};
use super::slot::{Life, Slot};
use crate::contract::Marks;

/// Bits of a revision that count changes; the bits above count the starts of the provider, so that a cursor of an earlier run is told
/// from one of this run.
const REVISION_BITS: u32 = 40;

/// Rules that are fixed for a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Lets the zero token pass.
    pub(super) allow_unfenced: bool,
    /// The clock moves by Advance only.
    pub(super) virtual_time: bool,
}

/// What has to be made durable before anybody is answered.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) slots: BTreeSet<u32>,
    pub(super) strangers: BTreeSet<Box<str>>,
    pub(super) effects: Vec<Effect>,
    /// The header changed in a way that cannot wait.
    pub(super) header: bool,
}

impl Journal {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.strangers.is_empty() && self.effects.is_empty() && !self.header
    }
}

/// What a run begins with: the catalogue's fleet, and what the store knows to differ.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// How often the provider has been started before.
    pub(super) starts: u64,
    pub(super) now_ms: u64,
    pub(super) faults: Faults,
    /// When the faults last changed, and how often.
    pub(super) faults_since: (u64, u64),
    pub(super) effects: u64,
    pub(super) lives: BTreeMap<String, Life>,
    pub(super) strangers: BTreeMap<String, Marks>,
}

/// The fleet.
#[derive(Debug)]
pub(super) struct World {
    places: Vec<Place>,
    catalogue: Catalogue,
    seed: u64,
    rules: Rules,
    faults: Faults,
    faults_since: (u64, u64),
    now_ms: u64,
    slots: Vec<Slot>,
    index: HashMap<Box<str>, u32, FixedState>,
    /// Cluster and shard names, each stored once.
    names: HashSet<Arc<str>, FixedState>,
    strangers: HashMap<Box<str>, Marks, FixedState>,
    listed: BTreeMap<u64, u32>,
    removed: BTreeMap<u64, u32>,
    revision: u64,
    /// Cursors below it are not known any more.
    floor: u64,
    /// Ends of transitions, and what befalls hosts by itself; entries may be out of date, and are checked when they fall due.
    ends: BinaryHeap<Reverse<(u64, u32)>>,
    fates: BinaryHeap<Reverse<(u64, u32)>>,
    census: Census,
    counters: BTreeMap<&'static str, u64>,
    effects: u64,
    /// What was read since this process started.
    readings: u64,
    journal: Journal,
}

impl World {
    /// The catalogue's fleet with what the store knows laid over it.
    pub(super) fn new(catalogue: Catalogue, seed: u64, rules: Rules, stored: Stored) -> Self {
        let first_revision = (stored.starts + 1) << REVISION_BITS;
        let mut world = Self {
            places: catalogue.places(),
            catalogue,
            seed,
            rules,
            faults: stored.faults,
            faults_since: stored.faults_since,
            now_ms: stored.now_ms,
            slots: Vec::new(),
            index: HashMap::default(),
            names: HashSet::default(),
            strangers: HashMap::default(),
            listed: BTreeMap::new(),
            removed: BTreeMap::new(),
            revision: first_revision,
            floor: first_revision,
            ends: BinaryHeap::new(),
            fates: BinaryHeap::new(),
            census: Census::default(),
            counters: BTreeMap::new(),
            effects: stored.effects,
            readings: 0,
            journal: Journal::default(),
        };
        world.populate(stored.lives);
        for (id, mut marks) in stored.strangers {
            marks.intern(|name| world.intern(name));
            world.strangers.insert(id.into(), marks);
        }
        world
    }

    fn populate(&mut self, mut lives: BTreeMap<String, Life>) {
        for place in 0..self.places.len() {
            let offering = self.places[place].offering.clone();
            let ids = self.ids_of(place);
            let count = ids.len() as u64;
            for (n, id) in ids.into_iter().enumerate() {
                let idle = (n as u64) * 100 < count * offering.idle_percent;
                let life = lives.remove(&id).unwrap_or_else(|| Life::new(idle));
                let rack = u32::try_from(n / offering.machines_per_rack as usize).expect("fewer racks than machines");
                self.add(id, u32::try_from(place).expect("fewer places than machines"), rack, life);
            }
        }
    }

    /// The ids of the machines of a place: those the catalogue names, or made from offering, zone and number.
    fn ids_of(&self, place: usize) -> Vec<String> {
        let Place { offering, zone, .. } = &self.places[place];
        let named = self.catalogue.offerings.iter().find(|known| known.name == offering.name);
        match named.map(|known| &known.ids) {
            Some(ids) if !ids.is_empty() => ids.clone(),
            _ => (0..offering.slots).map(|n| format!("{}-{zone}-{n:06}", offering.name)).collect(),
        }
    }

    fn add(&mut self, id: String, place: u32, rack: u32, mut life: Life) {
        let ix = u32::try_from(self.slots.len()).expect("the catalogue limits the number of machines");
        let id: Box<str> = id.into();
        life.marks.intern(|name| self.intern(name));
        if let Some(binding) = &mut life.binding {
            binding.cluster = self.intern(&binding.cluster);
        }
        self.revision += 1;
        self.census.add(&life);
        let place_in_order = if life.gone { &mut self.removed } else { &mut self.listed };
        place_in_order.insert(self.revision, ix);
        self.index.insert(id.clone(), ix);
        self.slots.push(Slot { id, place, rack, revision: self.revision, life });
        self.schedule(ix);
    }

    fn intern(&mut self, name: &str) -> Arc<str> {
        Arc::clone(self.names.get_or_insert_with(name, |name| name.into()))
    }

    fn find(&self, id: &str) -> Option<u32> {
        self.index.get(id).copied()
    }

    /// Changes a machine so that listings show it, and sees to it that what it has coming is scheduled.
    fn change(&mut self, ix: u32, change: impl FnOnce(&mut Life)) {
        let slot = &mut self.slots[ix as usize];
        self.census.remove(&slot.life);
        self.listed.remove(&slot.revision);
        self.removed.remove(&slot.revision);
        change(&mut slot.life);
        self.revision += 1;
        slot.revision = self.revision;
        self.census.add(&slot.life);
        let place_in_order = if slot.life.gone { &mut self.removed } else { &mut self.listed };
        place_in_order.insert(self.revision, ix);
        self.journal.slots.insert(ix);
        self.schedule(ix);
    }

    /// Counts something for [`World::counters`].
    fn count(&mut self, what: &'static str) {
        *self.counters.entry(what).or_default() += 1;
    }

    /// What happened since the last call, for the store.
    pub(super) fn take_journal(&mut self) -> Journal {
        std::mem::take(&mut self.journal)
    }

    pub(super) fn slot(&self, ix: u32) -> &Slot {
        &self.slots[ix as usize]
    }

    pub(super) fn stranger(&self, id: &str) -> Option<&Marks> {
        self.strangers.get(id)
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    pub(super) fn is_virtual(&self) -> bool {
        self.rules.virtual_time
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(super) fn faults_since(&self) -> (u64, u64) {
        self.faults_since
    }

    pub(super) fn census(&self) -> &Census {
        &self.census
    }

    pub(super) fn counters(&self) -> &BTreeMap<&'static str, u64> {
        &self.counters
    }

    pub(super) fn effects(&self) -> u64 {
        self.effects
    }
}
