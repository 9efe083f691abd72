//! Machines that were turned down and are left alone for a while, longer each time.

use argosy_model::{MachineIx, ShardTime};
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

/// How often in a row a machine was turned down, and until when it is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoolDown {
    /// Times in a row. Forgotten when an operation on the machine succeeds.
    pub strikes: u32,
    /// Until when; `None` once that has passed.
    pub until: Option<ShardTime>,
}

/// The cool-downs of a shard. Clones share structure.
#[derive(Clone, Debug, Default)]
pub struct Cooling {
    machines: OrdMap<MachineIx, CoolDown>,
    due: OrdSet<(ShardTime, MachineIx)>,
}

impl Cooling {
    /// What is remembered of a machine.
    pub fn get(&self, machine: MachineIx) -> Option<CoolDown> {
        self.machines.get(&machine).copied()
    }

    /// The next moment at which a cool-down ends.
    pub fn next_deadline(&self) -> Option<ShardTime> {
        self.due.get_min().map(|(at, _)| *at)
    }

    /// All that is remembered, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MachineIx, CoolDown)> + '_ {
        self.machines.iter().map(|(machine, cool_down)| (*machine, *cool_down))
    }

    /// Leaves a machine alone until `until`, with this many strikes.
    pub(crate) fn set(&mut self, machine: MachineIx, cool_down: CoolDown) {
        self.forget(machine);
        if let Some(until) = cool_down.until {
            self.due.insert((until, machine));
        }
        self.machines.insert(machine, cool_down);
    }

    /// Forgets a machine's strikes and its cool-down.
    pub(crate) fn forget(&mut self, machine: MachineIx) {
        if let Some(CoolDown { until: Some(until), .. }) = self.machines.remove(&machine) {
            self.due.remove(&(until, machine));
        }
    }

    /// Takes out a machine whose cool-down has ended by `now`; its strikes stay.
    pub(crate) fn pop_due(&mut self, now: ShardTime) -> Option<MachineIx> {
        let (until, machine) = *self.due.get_min().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(until, machine));
        let cool_down = self.machines.get_mut(&machine).expect("what is due is remembered");
        cool_down.until = None;
        Some(machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cool_down_ends_once_and_its_strikes_stay_until_forgotten() {
        let machine = MachineIx::from_index(3);
        let mut cooling = Cooling::default();
        cooling.set(machine, CoolDown { strikes: 2, until: Some(ShardTime(10)) });
        cooling.set(machine, CoolDown { strikes: 3, until: Some(ShardTime(20)) });
        assert_eq!((cooling.next_deadline(), cooling.pop_due(ShardTime(19))), (Some(ShardTime(20)), None));
        assert_eq!((cooling.pop_due(ShardTime(20)), cooling.pop_due(ShardTime(20))), (Some(machine), None));
        assert_eq!(cooling.get(machine), Some(CoolDown { strikes: 3, until: None }));
        cooling.forget(machine);
        assert_eq!((cooling.get(machine), cooling.next_deadline()), (None, None));
    }
}
