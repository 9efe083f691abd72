//! How many machines of each lane there are: counted from the fleet's journal, or anew where that does not reach back.

use std::collections::BTreeSet;

use argosy_model::fleet::Class;
use argosy_model::journal::Edition;
use argosy_model::{Flags, Fleet, MachineIx, ShapeIx, State, Vocabulary};
use imbl::OrdMap;

use super::Lane;
use crate::plant::{Bug, planted};

/// The machines of one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    /// All of them, free slots included.
    all: u32,
    /// Those that are there, or on their way in or out; failed ones are counted apart.
    held: u32,
    /// Failed ones that may have hardware: it is there, or somebody asked for it and nobody knows.
    failed: u32,
}

/// The free slots of one lane that have one shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slots {
    /// Those on offer.
    pub(crate) shown: u32,
    /// Those that would be, were they not held back.
    pub(crate) hidden: u32,
    /// Those that are held back, and not to be taken for another reason either.
    pub(crate) stuck: u32,
}

/// The machines of every lane. Derived: in no snapshot.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    /// Up to where the fleet's journal has been read; `None` while nobody has to know.
    edition: Option<Edition>,
    tallies: OrdMap<Lane, Tally>,
    slots: OrdMap<(Lane, ShapeIx), Slots>,
}

impl Census {
    /// Machines of a lane that count against a quota.
    pub(super) fn counted(&self, lane: Lane) -> u32 {
        self.tallies.get(&lane).map_or(0, |tally| tally.held.saturating_add(tally.failed))
    }

    /// Every lane that has a machine, or a slot for one.
    pub(super) fn lanes(&self) -> impl Iterator<Item = Lane> + '_ {
        self.tallies.keys().copied()
    }

    /// Whether a lane has a machine, or a slot for one.
    pub(super) fn has(&self, lane: Lane) -> bool {
        self.tallies.contains_key(&lane)
    }

    /// The free slots of a lane, by shape.
    pub(super) fn slots_of(&self, lane: Lane) -> impl Iterator<Item = (ShapeIx, Slots)> + '_ {
        let first = (lane, ShapeIx::from_index(0));
        let of_lane = self.slots.range(first..).take_while(move |((of, _), _)| *of == lane);
        of_lane.map(|((_, shape), slots)| (*shape, *slots))
    }

    /// Nobody has to know any more.
    pub(super) fn let_go(&mut self) -> BTreeSet<Lane> {
        *self = Self::default();
        BTreeSet::new()
    }

    /// Counts up to the fleet as it is. Returns the lanes of which machines have changed.
    pub(super) fn follow(&mut self, fleet: &Fleet) -> BTreeSet<Lane> {
        if self.edition == Some(fleet.edition()) {
            return BTreeSet::new();
        }
        let (mut touched, mut doubtful) = (BTreeSet::new(), BTreeSet::new());
        let mut note = |census: &mut Self, class: Option<Class>, by: i64| {
            let Some(class) = class else { return };
            let lane = census.shift(&class, by, &fleet.words);
            touched.insert(lane);
            if class.state == State::Failed {
                doubtful.insert(lane);
            }
        };
        match self.edition.and_then(|edition| fleet.changes_since(edition)) {
            Some(changes) => {
                // Whether a failed machine has hardware, its class does not say; of any other, its class says everything.
                let is_news = |change: &&argosy_model::fleet::Change| {
                    change.before != change.after || change.after.is_some_and(|class| class.state == State::Failed)
                };
                for change in changes.filter(is_news) {
                    note(self, change.before, -1);
                    note(self, change.after, 1);
                }
            }
            None => {
                self.let_go();
                fleet.classes().iter().for_each(|(class, members)| note(self, Some(class), count(members.len())));
            }
        }
        self.recount_failed(fleet, &doubtful);
        self.edition = Some(fleet.edition());
        touched
    }

    fn shift(&mut self, class: &Class, by: i64, words: &Vocabulary) -> Lane {
        let lane = Lane::of(words.shape_of(class.shape), words);
        let shifted = |n: u32| u32::try_from(i64::from(n) + by).expect("machines are counted out that were counted in");
        let mut tally = self.tallies.get(&lane).copied().unwrap_or_default();
        tally.all = shifted(tally.all);
        let is_held = !matches!(class.state, State::Speculative | State::Failed);
        if is_held && !(class.state == State::Creating && planted(Bug::InFlightUncounted)) {
            tally.held = shifted(tally.held);
        }
        match tally.all {
            0 => self.tallies.remove(&lane),
            _ => self.tallies.insert(lane, tally),
        };
        if class.state == State::Speculative {
            let mut slots = self.slots.get(&(lane, class.shape)).copied().unwrap_or_default();
            if let Some(kind) = slots.of(class.flags) {
                *kind = shifted(*kind);
            }
            match slots == Slots::default() {
                true => self.slots.remove(&(lane, class.shape)),
                false => self.slots.insert((lane, class.shape), slots),
            };
        }
        lane
    }

    fn recount_failed(&mut self, fleet: &Fleet, lanes: &BTreeSet<Lane>) {
        if lanes.is_empty() {
            return;
        }
        for lane in lanes {
            if let Some(tally) = self.tallies.get_mut(lane) {
                tally.failed = 0;
            }
        }
        let may_be_there = |ix: &&MachineIx| {
            let machine = fleet.machine(**ix);
            machine.flags.has(Flags::HOST) || machine.claim.is_some()
        };
        for (class, members) in fleet.classes().in_state(State::Failed) {
            let lane = Lane::of(fleet.words.shape_of(class.shape), &fleet.words);
            if lanes.contains(&lane) {
                let there = u32::try_from(members.iter().filter(may_be_there).count()).expect("slots are 32 bits wide");
                let tally = self.tallies.get_mut(&lane).expect("a machine's lane is counted");
                tally.failed = tally.failed.saturating_add(there);
            }
        }
    }
}

impl Slots {
    /// The count in which a slot with these flags stands; none for one that is neither on offer nor held back.
    fn of(&mut self, flags: Flags) -> Option<&mut u32> {
        match (flags.has(Flags::HELD_BACK), flags.with(Flags::HELD_BACK, false).is_usable()) {
            (true, true) => Some(&mut self.hidden),
            (true, false) => Some(&mut self.stuck),
            (false, true) => Some(&mut self.shown),
            (false, false) => None,
        }
    }
}

fn count(machines: usize) -> i64 {
    i64::try_from(machines).expect("slots are 32 bits wide")
}
