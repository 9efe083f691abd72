//! ARCHITECTURE.md, head: no machine is bound twice. The provider's own ledger never shows a machine configured for one cluster while
//! another one holds it.

use std::collections::BTreeMap;

use argosy_model::State;
use argosy_proto::argosy::v1::effect::Kind;
use argosy_shard::Event;

use super::Invariant;
use crate::sight::Sight;

/// Who holds each machine, by the ledger.
#[derive(Debug, Default)]
pub(super) struct BoundOnce(BTreeMap<String, String>);

impl Invariant for BoundOnce {
    fn name(&self) -> &'static str {
        "no machine is bound twice"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        // A configuration that failed, and was repaired, binds nobody: the shard has seen the machine free in between.
        for (_, replica) in sight.replicas() {
            for folded in replica.published.iter().flat_map(|published| &published.events) {
                if let (Event::MachineChanged { to: State::Idle | State::Failed, .. }, Some(machine)) =
                    (&folded.event, &folded.machine)
                {
                    self.0.remove(&**machine);
                }
            }
        }
        for effect in &sight.effects {
            match effect.kind() {
                Kind::Configure => {
                    let holder = self.0.insert(effect.machine_id.clone(), effect.cluster.clone());
                    if let Some(holder) = holder.filter(|holder| *holder != effect.cluster) {
                        let (machine, cluster) = (&effect.machine_id, &effect.cluster);
                        found.push(format!("effect {}: {machine} goes to {cluster} while {holder} has it", effect.seq));
                    }
                }
                // A machine that vanished and came back is created anew: nobody holds it.
                _ => drop(self.0.remove(&effect.machine_id)),
            }
        }
        found
    }
}
