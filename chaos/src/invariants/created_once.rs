//! ARCHITECTURE.md, head: no action is doubled. A machine that was created is not created again before it is gone.

use std::collections::BTreeMap;

use argosy_model::State;
use argosy_proto::argosy::v1::effect::Kind;
use argosy_shard::Event;

use super::Invariant;
use crate::sight::Sight;

/// The effect that created each machine which has not gone since.
#[derive(Debug, Default)]
pub(super) struct CreatedOnce(BTreeMap<String, u64>);

impl Invariant for CreatedOnce {
    fn name(&self) -> &'static str {
        "no machine is created twice"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md, head"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        // What failed or vanished, and was seen to, may be created again.
        for (_, replica) in sight.replicas() {
            for folded in replica.published.iter().flat_map(|published| &published.events) {
                match (&folded.event, &folded.machine) {
                    (Event::MachineChanged { to: State::Speculative | State::Failed, .. }, Some(machine)) => {
                        self.0.remove(&**machine);
                    }
                    (Event::MachineRemoved { id, .. }, _) => drop(self.0.remove(id)),
                    _ => {}
                }
            }
        }
        let mut found = Vec::new();
        for effect in &sight.effects {
            match effect.kind() {
                Kind::Create => {
                    if let Some(first) = self.0.insert(effect.machine_id.clone(), effect.seq) {
                        let (machine, again) = (&effect.machine_id, effect.seq);
                        found.push(format!("{machine} was created at effect {first} and again at {again}"));
                    }
                }
                Kind::Delete => drop(self.0.remove(&effect.machine_id)),
                _ => {}
            }
        }
        found
    }
}
