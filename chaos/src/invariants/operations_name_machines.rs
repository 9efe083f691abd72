//! ARCHITECTURE.md §2, maybe executed: a machine has one open operation at most, and it stands where that operation put it.

use super::Invariant;
use crate::sight::Sight;

/// Needs no memory.
#[derive(Debug, Default)]
pub(super) struct OperationsNameMachines;

impl Invariant for OperationsNameMachines {
    fn name(&self) -> &'static str {
        "one operation a machine"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §2"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas().filter(|(_, replica)| !replica.published.is_empty()) {
            let state = &replica.view.state;
            let mut machines = std::collections::BTreeSet::new();
            for operation in state.ledger().iter() {
                let (id, at) = (operation.id, operation.machine);
                if !machines.insert(at) {
                    found.push(format!("{}: two operations on one machine on {}", replica.shard, node.id));
                }
                if state.fleet().get(at).is_none() {
                    found.push(format!("{}: {id:?} is open on no machine on {}", replica.shard, node.id));
                }
            }
        }
        found
    }
}
