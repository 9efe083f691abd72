//! What people do by hand.

use std::sync::Arc;

use argosy_model::{MachineIx, ShardTime};

use super::Book;
use crate::class::Class;
use crate::place::Place;
use crate::record::{Hold, Kept, Order, Repair, Step, cut};

impl Book {
    /// Nothing is repaired automatically at a machine until the end of the hold; one that has ended already takes an older one
    /// away.
    pub fn set_hold(&mut self, machine: MachineIx, hold: Hold, now: ShardTime) {
        let over: Vec<MachineIx> =
            self.holds.iter().filter(|(_, known)| known.until <= now).map(|(machine, _)| *machine).collect();
        for machine in over {
            self.holds.remove(&machine);
        }
        if hold.until > now {
            self.holds.insert(machine, Arc::new(hold));
        } else {
            self.holds.remove(&machine);
        }
    }

    /// Somebody wants this done now: no grace, no threshold, no hold, no breaker and no budget is asked. It takes up its place of
    /// the budgets all the same.
    ///
    /// # Errors
    /// In words, while its agent is at it or its provider takes it back.
    pub fn order(
        &mut self,
        machine: MachineIx,
        class: Class,
        order: &Order,
        place: Place,
        now: ShardTime,
    ) -> Result<Kept, &'static str> {
        match self.get(machine).map(|repair| repair.step) {
            Some(Step::Acting { .. }) => return Err("its agent is at it; wait until that has ended"),
            Some(Step::Condemned) => return Err("it is being given back"),
            _ => {}
        }
        let known = self.get(machine).cloned();
        let reason = cut(&order.reason);
        let updates = known.as_ref().map_or(0, |known| known.updates) + 1;
        let repair = Arc::new(Repair {
            updates,
            class,
            since: known.as_ref().map_or(now, |known| known.since),
            reports: known.as_ref().map_or(0, |known| known.reports),
            unfit: known.as_ref().is_some_and(|known| known.unfit),
            flagged: known.as_ref().is_some_and(|known| known.flagged),
            place: known.map_or(place, |known| known.place),
            reason,
            step: Step::Admitted,
            step_since: now,
            admitted: Some(now),
            attempts: 0,
            failure: String::new(),
            worse: None,
            ordered: Some(Order { actor: cut(&order.actor), reason: cut(&order.reason) }),
        });
        self.repairs.insert(machine, Arc::clone(&repair));
        self.counts.admitted += 1;
        Ok(repair)
    }
}
