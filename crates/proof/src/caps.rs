//! Quotas and half-open breakers, as the shard's fold keeps them: what each leaves is counted from the fleet, of each shape no more slots are
//! on offer than that, and a unit that would buy more is dropped.

use std::collections::BTreeMap;

use argosy_engine::{ActionKind, Cap, Unit};
use argosy_model::{Fleet, MachineIx, ShapeIx, State, Vocabulary};

use crate::case::CapDraft;
use crate::vocabulary;

/// What is in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caps {
    drafts: Vec<CapDraft>,
    now: Vec<Cap>,
}

impl Caps {
    pub(crate) fn of(drafts: &[CapDraft], words: &mut Vocabulary) -> Self {
        let cap = |draft: &CapDraft| Cap::new(vocabulary::shapes(words, draft.instance, draft.zone), 0);
        Self { now: drafts.iter().map(cap).collect(), drafts: drafts.to_vec() }
    }

    /// As they were last counted.
    pub(crate) fn now(&self) -> &[Cap] {
        &self.now
    }

    /// Counts what each leaves.
    pub(crate) fn count(&mut self, fleet: &Fleet) {
        for (draft, cap) in self.drafts.iter().zip(&mut self.now) {
            let count = |counts: fn(State) -> bool| {
                let machines = fleet.iter().filter(|(_, machine)| counts(machine.state) && cap.is_over(machine.shape));
                u32::try_from(machines.count()).expect("small fleets")
            };
            let left = match draft.machines {
                Some(most) => {
                    let held = count(|state| !matches!(state, State::Speculative | State::Failed));
                    u32::from(most).saturating_sub(held)
                }
                None => 1_u32.saturating_sub(count(|state| state == State::Creating)),
            };
            *cap = cap.with_left(left);
        }
    }

    /// Whether a unit buys no more than each leaves.
    pub(crate) fn allow(&self, unit: &Unit, fleet: &Fleet) -> bool {
        let bought = unit.actions.iter().filter(|action| matches!(action.kind, ActionKind::Provision(_)));
        let bought: Vec<ShapeIx> = bought.map(|action| fleet.machine(action.machine).shape).collect();
        self.now.iter().all(|cap| bought.iter().filter(|shape| cap.is_over(**shape)).count() <= cap.left() as usize)
    }

    /// The slots, with whether each is to be held back.
    pub(crate) fn level(&self, fleet: &Fleet) -> Vec<(MachineIx, bool)> {
        let mut shown: BTreeMap<ShapeIx, u32> = BTreeMap::new();
        let slots = fleet.iter().filter(|(_, machine)| machine.state == State::Speculative);
        let held_back = slots.map(|(ix, machine)| {
            let most = self.now.iter().filter(|cap| cap.is_over(machine.shape)).map(Cap::left).min();
            let so_far = shown.entry(machine.shape).or_default();
            let is_beyond = most.is_some_and(|most| *so_far >= most);
            *so_far += u32::from(!is_beyond);
            (ix, is_beyond)
        });
        held_back.collect()
    }
}
