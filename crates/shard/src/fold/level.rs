//! Levelling: slots beyond what their lane may take are held back, and let go when it may. At the end of every entry.
//!
//! What is done follows from the state alone, so a replica that was restored a moment ago does nothing else than the others:
//! lanes of which nothing has changed since they were last looked at are level.

use std::collections::BTreeSet;

use argosy_model::fleet::Members;
use argosy_model::{Flags, MachineIx, ShapeIx, State};

use super::Fold;
use crate::lanes::{Lane, Slots};
use crate::state::ShardState;

impl Fold<'_> {
    /// Holds back what lanes may not take, and lets go what they may.
    pub(super) fn level_lanes(&mut self) {
        self.count_lanes();
        // How the probe of a half-open lane stands is the ledger's to know, and no change of its machine tells of it.
        self.stirred.extend(self.state.lanes.half_open());
        if self.stirred.is_empty() {
            return;
        }
        if self.state.lanes.is_limiting() {
            self.forget_gone_lanes();
        }
        self.state.lanes.recount(&self.state.fleet);
        let words = &self.state.fleet.words;
        let stirred = std::mem::take(&mut self.stirred);
        let kin: BTreeSet<Lane> = stirred.iter().flat_map(|lane| self.state.lanes.with_kin(*lane, words)).collect();
        let turned: Vec<(MachineIx, bool)> = kin.iter().flat_map(|lane| self.state.out_of_level(*lane)).collect();
        for (ix, on) in turned {
            self.set_flag(ix, Flags::HELD_BACK, on);
        }
        // What was written just now is no news to the next entry.
        self.state.lanes.count(&self.state.fleet);
        self.state.lanes.cap(&self.state.fleet, &self.state.ledger);
    }
}

impl ShardState {
    /// Derives what lanes leave, as the end of the last entry did. The count itself stays to be made: the next entry is to look at every lane.
    pub(crate) fn derive_caps(&mut self) {
        let mut counted = self.lanes.clone();
        counted.count(&self.fleet);
        counted.cap(&self.fleet, &self.ledger);
        self.lanes.take_caps(&counted);
    }

    /// The slots of a lane that are to be held back, or let go: of each shape, as many are on offer as the lane may take, the
    /// first ones. A slot that may not be taken for another reason is left as it is, unless nothing limits its lane any more.
    fn out_of_level(&self, lane: Lane) -> Vec<(MachineIx, bool)> {
        let allowance = self.lanes.allowance(lane, &self.fleet, &self.ledger).map(|(most, _)| most);
        let of_shape = |(shape, slots)| match allowance {
            Some(most) => self.beyond(shape, slots, most),
            None => (self.free_slots(shape, |flags| flags.has(Flags::HELD_BACK)))
                .flat_map(|members| members.iter().map(|ix| (*ix, false)))
                .collect(),
        };
        self.lanes.slots_of(lane).flat_map(of_shape).collect()
    }

    /// Only slots that change are looked at, and not all that there are: a quota may stand beside a million of them.
    fn beyond(&self, shape: ShapeIx, slots: Slots, most: u32) -> Vec<(MachineIx, bool)> {
        let is_good = |flags: Flags| flags.with(Flags::HELD_BACK, false).is_usable();
        if slots.shown > most {
            let too_many = (slots.shown - most) as usize;
            let shown = self.free_slots(shape, Flags::is_usable);
            let mut last: Vec<MachineIx> =
                shown.flat_map(|members| members.iter().rev().take(too_many)).copied().collect();
            last.sort_unstable();
            last.into_iter().rev().take(too_many).map(|ix| (ix, true)).collect()
        } else {
            let room = slots.hidden.min(most - slots.shown) as usize;
            if room == 0 {
                return Vec::new();
            }
            let hidden = self.free_slots(shape, |flags| flags.has(Flags::HELD_BACK) && is_good(flags));
            let mut first: Vec<MachineIx> = hidden.flat_map(|members| members.iter().take(room)).copied().collect();
            first.sort_unstable();
            first.into_iter().take(room).map(|ix| (ix, false)).collect()
        }
    }

    /// The free slots of a shape, by class, where their flags are such.
    fn free_slots(&self, shape: ShapeIx, is_meant: impl Fn(Flags) -> bool) -> impl Iterator<Item = &Members> {
        let classes = self.fleet.classes().of_shape(State::Speculative, None, shape);
        classes.filter(move |(class, _)| is_meant(class.flags)).map(|(_, members)| members)
    }
}
