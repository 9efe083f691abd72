//! Counts of machines, kept as they change.

use super::super::slot::Life;

/// How many machines are where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Census {
    /// By the number of the state; vanished ones at 0.
    by_state: [u64; 9],
    under_way: u64,
    stuck: u64,
}

impl Census {
    pub(super) fn add(&mut self, life: &Life) {
        self.by_state[place(life)] += 1;
        self.under_way += u64::from(life.under_way().is_some());
        self.stuck += u64::from(life.is_stuck());
    }

    pub(super) fn remove(&mut self, life: &Life) {
        self.by_state[place(life)] -= 1;
        self.under_way -= u64::from(life.under_way().is_some());
        self.stuck -= u64::from(life.is_stuck());
    }

    pub(in super::super) fn by_state(&self) -> [u64; 9] {
        self.by_state
    }

    /// Transitions under way, stuck ones included.
    pub(in super::super) fn under_way(&self) -> u64 {
        self.under_way
    }

    /// Transitions under way that will end.
    pub(in super::super) fn pending(&self) -> u64 {
        self.under_way - self.stuck
    }
}

fn place(life: &Life) -> usize {
    if life.gone { 0 } else { usize::try_from(life.state.number()).expect("states are numbered from 1 to 8") }
}
