//! The ledger of open operations, and by name and deadline the ways to find them.
//!
//! An operation lies at its machine. A plan opens thousands at a time, in the order of their names and mostly with one
//! deadline, so names and deadlines are kept by plan: what is written for each operation is one record and one number.

use imbl::{OrdMap, Vector};

use argosy_model::{Column, MachineIx, ShardTime};

use crate::operation::{Operation, OperationId};

/// Most operations of one plan that can be restored.
const MAX_ORDINAL: u32 = 1 << 24;

/// Every open operation. Clones share structure.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    on: Column<Operation>,
    /// By log index of the plan.
    plans: OrdMap<u64, Opened>,
    /// How many operations of a plan, by its log index, run out of time at a moment.
    deadlines: OrdMap<(ShardTime, u64), u32>,
}

/// The operations that one plan has opened.
#[derive(Clone, Debug, Default)]
struct Opened {
    /// The machine of each, by ordinal; `None` for one that had ended when the ledger was restored. One that has ended since
    /// is known by its machine, which has another operation or none.
    machines: Vector<Option<MachineIx>>,
    /// How many are open.
    open: u32,
}

impl Opened {
    fn open(&mut self, operation: &Operation) {
        assert_eq!(self.machines.len(), operation.id.ordinal as usize, "a plan's operations are opened in order");
        self.machines.push_back(Some(operation.machine));
        self.open += 1;
    }
}

impl Ledger {
    /// An open operation.
    pub fn get(&self, id: OperationId) -> Option<&Operation> {
        let machine = (*self.plans.get(&id.index)?.machines.get(id.ordinal as usize)?)?;
        self.on(machine).filter(|operation| operation.id == id)
    }

    /// The open operation on a machine; there is never more than one.
    pub fn on(&self, machine: MachineIx) -> Option<&Operation> {
        self.on.get(machine.index())
    }

    /// All open operations, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.plans.keys().flat_map(|index| self.of_plan(*index))
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.on.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.on.is_empty()
    }

    /// The next moment at which an operation runs out of time.
    pub fn next_deadline(&self) -> Option<ShardTime> {
        self.deadlines.get_min().map(|((at, _), _)| *at)
    }

    /// All operations that have run out of time by `now`, those first that ran out first.
    pub(crate) fn overdue(&self, now: ShardTime) -> Vec<OperationId> {
        let due = self.deadlines.keys().take_while(|(at, _)| *at <= now);
        let of_plan = |(at, index): &(ShardTime, u64)| {
            let at = *at;
            self.of_plan(*index).filter(move |operation| operation.deadline == at).map(|operation| operation.id)
        };
        due.flat_map(of_plan).collect()
    }

    /// What [`Self::back_to`] takes. Of the operations only those are kept that are written over.
    pub(crate) fn mark(&mut self) -> Self {
        Self { on: self.on.mark(), ..self.clone() }
    }

    /// Lets what was written since [`Self::mark`] stand.
    pub(crate) fn settle(&mut self) {
        self.on.settle();
    }

    /// Takes back what was written since the mark.
    pub(crate) fn back_to(&mut self, mark: Self) {
        *self = Self { on: self.on.take_back(), ..mark };
    }

    /// Adds an operation on a machine that has none, as the next of its plan.
    pub(crate) fn open(&mut self, operation: Operation) {
        // All but the first of a plan find it there, and are looked for once.
        match self.plans.get_mut(&operation.id.index) {
            Some(plan) => plan.open(&operation),
            None => {
                let mut plan = Opened::default();
                plan.open(&operation);
                self.plans.insert(operation.id.index, plan);
            }
        }
        self.expect(operation.deadline, operation.id);
        let other = self.on.put(operation.machine.index(), operation);
        assert!(other.is_none(), "a machine has one operation at a time: {:?} has {other:?}", operation.machine);
    }

    /// Writes a later state of an open operation. Its fence never falls, and a new attempt's fence is newer.
    pub(crate) fn update(&mut self, operation: Operation) {
        let before = self.on.put(operation.machine.index(), operation).expect("only an open operation is updated");
        assert_eq!(before.id, operation.id, "an operation stays on its machine");
        let renewed = before.attempt.number != operation.attempt.number;
        assert!(
            if renewed {
                before.attempt.fence < operation.attempt.fence
            } else {
                before.attempt.fence == operation.attempt.fence
            },
            "the fences of {} rise with its attempts",
            operation.id
        );
        if before.deadline != operation.deadline {
            self.expect_no_more(before.deadline, before.id);
            self.expect(operation.deadline, operation.id);
        }
    }

    /// Takes the operation on a machine out.
    pub(crate) fn close(&mut self, machine: MachineIx) -> Option<Operation> {
        let operation = self.on.remove(machine.index())?;
        let id = operation.id;
        self.expect_no_more(operation.deadline, id);
        let plan = self.plans.get_mut(&id.index).expect("an open operation has its plan");
        plan.open -= 1;
        if plan.open == 0 {
            self.plans.remove(&id.index);
        }
        Some(operation)
    }

    /// Builds a ledger from stored operations, oldest first; `None` if two are on one machine or of one name.
    pub(crate) fn restore(operations: impl IntoIterator<Item = Operation>) -> Option<Self> {
        let mut ledger = Self::default();
        for operation in operations {
            let plan = ledger.plans.entry(operation.id.index).or_default();
            let is_next = plan.machines.len() <= operation.id.ordinal as usize;
            if !is_next || operation.id.ordinal >= MAX_ORDINAL || ledger.on.get(operation.machine.index()).is_some() {
                return None;
            }
            while plan.machines.len() < operation.id.ordinal as usize {
                plan.machines.push_back(None);
            }
            ledger.open(operation);
        }
        Some(ledger)
    }

    fn of_plan(&self, index: u64) -> impl Iterator<Item = &Operation> {
        let machines = self.plans.get(&index).into_iter().flat_map(|plan| &plan.machines);
        (0..).zip(machines).filter_map(move |(ordinal, machine)| {
            let id = OperationId { index, ordinal };
            self.on((*machine)?).filter(|operation| operation.id == id)
        })
    }

    fn expect(&mut self, deadline: ShardTime, id: OperationId) {
        let key = (deadline, id.index);
        match self.deadlines.get_mut(&key) {
            Some(count) => *count += 1,
            None => drop(self.deadlines.insert(key, 1)),
        }
    }

    fn expect_no_more(&mut self, deadline: ShardTime, id: OperationId) {
        let key = (deadline, id.index);
        let left = self.deadlines.get_mut(&key).expect("every open operation has its deadline");
        *left -= 1;
        if *left == 0 {
            self.deadlines.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use argosy_engine::Reason;
    use argosy_model::Duration;

    use super::*;
    use crate::operation::{Attempt, Fence, Kind, Progress, Step};

    fn operation(index: u64, ordinal: u32, machine: usize, deadline: u64) -> Operation {
        Operation {
            id: OperationId { index, ordinal },
            machine: MachineIx::from_index(machine),
            kind: Kind::Reclaim,
            step: Step::Drain,
            assignment: None,
            grace: Duration(0),
            preemptor_priority: 0,
            reason: Reason::ReclaimSurplus,
            decided_at: ShardTime(0),
            deadline: ShardTime(deadline),
            attempt: Attempt {
                number: 1,
                fence: Fence::new(0, 1, index),
                not_before: ShardTime(0),
                progress: Progress::Open,
            },
            maybe_executed: false,
        }
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        for (index, ordinal, machine, deadline) in [(5, 0, 9, 30), (5, 1, 2, 20), (5, 2, 7, 30), (8, 0, 1, 25)] {
            ledger.open(operation(index, ordinal, machine, deadline));
        }
        ledger
    }

    fn names<'a>(operations: impl Iterator<Item = &'a Operation>) -> Vec<(u64, u32)> {
        operations.map(|operation| (operation.id.index, operation.id.ordinal)).collect()
    }

    #[test]
    fn operations_run_out_of_time_in_the_order_of_their_deadlines() {
        let mut ledger = ledger();
        assert_eq!((ledger.next_deadline(), ledger.overdue(ShardTime(19))), (Some(ShardTime(20)), vec![]));
        let overdue: Vec<_> = ledger.overdue(ShardTime(30)).iter().map(|id| (id.index, id.ordinal)).collect();
        assert_eq!(overdue, [(5, 1), (8, 0), (5, 0), (5, 2)]);
        ledger.update(Operation { deadline: ShardTime(90), ..operation(5, 1, 2, 20) });
        assert_eq!(ledger.next_deadline(), Some(ShardTime(25)));
    }

    #[test]
    fn an_operation_that_has_ended_is_gone_whatever_its_machine_does_next() {
        let mut ledger = ledger();
        assert_eq!(names(ledger.iter()), [(5, 0), (5, 1), (5, 2), (8, 0)]);
        let (ended, machine) = (OperationId { index: 5, ordinal: 1 }, MachineIx::from_index(2));
        assert_eq!(ledger.close(machine).map(|operation| operation.id), Some(ended));
        assert_eq!(ledger.close(machine), None);
        ledger.open(operation(9, 0, 2, 40));
        assert_eq!(ledger.get(ended), None);
        assert_eq!(names(ledger.iter()), [(5, 0), (5, 2), (8, 0), (9, 0)]);
        for machine in ledger.iter().map(|operation| operation.machine).collect::<Vec<_>>() {
            ledger.close(machine);
        }
        assert!(ledger.is_empty() && ledger.plans.is_empty() && ledger.deadlines.is_empty(), "nothing is left behind");
    }

    #[test]
    fn a_restored_ledger_has_gaps_and_no_doubles() {
        let mut ledger = ledger();
        ledger.close(MachineIx::from_index(9));
        let restored = Ledger::restore(ledger.iter().copied()).expect("sound");
        assert_eq!(names(restored.iter()), names(ledger.iter()));
        assert_eq!(restored.overdue(ShardTime(30)), ledger.overdue(ShardTime(30)));
        let twice = ledger.iter().chain(ledger.iter()).copied();
        assert!(Ledger::restore(twice).is_none());
        let one_machine = [operation(5, 0, 9, 30), operation(6, 0, 9, 30)];
        assert!(Ledger::restore(one_machine).is_none());
    }
}
