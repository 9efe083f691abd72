//! How many machines of each lane there are: counted from the fleet's journal, or anew where that does not reach back.

use std::collections::BTreeSet;

use argosy_model::fleet::Class;
use argosy_model::journal::Edition;
use argosy_model::{Flags, Fleet, State, Vocabulary};
use imbl::OrdMap;

use super::Lane;
use crate::plant::{Bug, planted};

/// The machines of one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Those that are there, or on their way in or out; failed ones are counted apart.
    pub(super) held: u32,
    /// Those that are being created.
    pub(super) creating: u32,
}

/// The machines of every lane. Derived: in no snapshot.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    /// Up to where the fleet's journal has been read; `None` while nobody has to know.
    edition: Option<Edition>,
    tallies: OrdMap<Lane, Tally>,
}

impl Census {
    pub(super) fn of(&self, lane: Lane) -> Tally {
        self.tallies.get(&lane).copied().unwrap_or_default()
    }

    pub(super) fn lanes(&self) -> impl Iterator<Item = Lane> + '_ {
        self.tallies.keys().copied()
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
        let touched = match self.edition.and_then(|edition| fleet.changes_since(edition)) {
            Some(changes) => {
                let mut touched = BTreeSet::new();
                for change in changes {
                    touched.extend(change.before.map(|class| self.shift(&class, -1, &fleet.words)));
                    touched.extend(change.after.map(|class| self.shift(&class, 1, &fleet.words)));
                }
                touched
            }
            None => {
                self.tallies.clear();
                let all = fleet.classes().iter();
                all.map(|(class, members)| self.shift(&class, count(members.len()), &fleet.words)).collect()
            }
        };
        self.edition = Some(fleet.edition());
        touched
    }

    fn shift(&mut self, class: &Class, by: i64, words: &Vocabulary) -> Lane {
        let lane = Lane::of(words.shape_of(class.shape), words);
        let tally = self.tallies.entry(lane).or_default();
        let shifted = |n: u32| u32::try_from(i64::from(n) + by).expect("machines are counted out that were counted in");
        let is_creating = class.state == State::Creating;
        let is_held = !matches!(class.state, State::Speculative | State::Failed);
        if is_held && !(is_creating && planted(Bug::InFlightUncounted)) {
            tally.held = shifted(tally.held);
        }
        if is_creating {
            tally.creating = shifted(tally.creating);
        }
        lane
    }
}

/// Failed machines of some lanes that may have hardware: it is there, or somebody asked for it and nobody knows.
pub(super) fn failed(fleet: &Fleet, is_meant: impl Fn(Lane) -> bool) -> u32 {
    let words = &fleet.words;
    let classes = fleet.classes().in_state(State::Failed);
    let meant = classes.filter(|(class, _)| is_meant(Lane::of(words.shape_of(class.shape), words)));
    let may_be_there = |ix: &&argosy_model::MachineIx| {
        let machine = fleet.machine(**ix);
        machine.flags.has(Flags::HOST) || machine.claim.is_some()
    };
    let machines: usize = meant.map(|(_, members)| members.iter().filter(may_be_there).count()).sum();
    u32::try_from(machines).unwrap_or(u32::MAX)
}

fn count(machines: usize) -> i64 {
    i64::try_from(machines).expect("slots are 32 bits wide")
}
