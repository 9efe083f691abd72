//! The ledger of open operations, and by machine and deadline the ways to find them.

use imbl::{OrdMap, OrdSet};

use argosy_model::{MachineIx, ShardTime};

use crate::operation::{Operation, OperationId};

/// Every open operation. Clones share structure.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    open: OrdMap<OperationId, Operation>,
    by_machine: OrdMap<MachineIx, OperationId>,
    deadlines: OrdSet<(ShardTime, OperationId)>,
}

impl Ledger {
    /// An open operation.
    pub fn get(&self, id: OperationId) -> Option<&Operation> {
        self.open.get(&id)
    }

    /// The open operation on a machine; there is never more than one.
    pub fn on(&self, machine: MachineIx) -> Option<&Operation> {
        self.by_machine.get(&machine).map(|id| &self.open[id])
    }

    /// All open operations, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.open.values()
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The next moment at which an operation runs out of time.
    pub fn next_deadline(&self) -> Option<ShardTime> {
        self.deadlines.get_min().map(|(at, _)| *at)
    }

    /// An operation that has run out of time by `now`.
    pub(crate) fn overdue(&self, now: ShardTime) -> Option<OperationId> {
        self.deadlines.get_min().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// Adds an operation on a machine that has none.
    pub(crate) fn open(&mut self, operation: Operation) {
        let other = self.by_machine.insert(operation.machine, operation.id);
        assert!(other.is_none(), "a machine has one operation at a time: {:?} has {other:?}", operation.machine);
        self.deadlines.insert((operation.deadline, operation.id));
        let same = self.open.insert(operation.id, operation);
        assert!(same.is_none(), "an operation is opened once: {}", operation.id);
    }

    /// Writes a later state of an open operation. Its fence never falls, and a new attempt's fence is newer.
    pub(crate) fn update(&mut self, operation: Operation) {
        let before = self.open.insert(operation.id, operation).expect("only an open operation is updated");
        assert_eq!(before.machine, operation.machine, "an operation stays on its machine");
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
            self.deadlines.remove(&(before.deadline, before.id));
            self.deadlines.insert((operation.deadline, operation.id));
        }
    }

    /// Takes an operation out.
    pub(crate) fn close(&mut self, id: OperationId) -> Option<Operation> {
        let operation = self.open.remove(&id)?;
        self.by_machine.remove(&operation.machine);
        self.deadlines.remove(&(operation.deadline, id));
        Some(operation)
    }

    /// Builds a ledger from stored operations; `None` if two are on one machine or of one name.
    pub(crate) fn restore(operations: impl IntoIterator<Item = Operation>) -> Option<Self> {
        let mut ledger = Self::default();
        for operation in operations {
            if ledger.get(operation.id).is_some() || ledger.on(operation.machine).is_some() {
                return None;
            }
            ledger.open(operation);
        }
        Some(ledger)
    }
}
