//! ARCHITECTURE.md, head: no action is doubled. A machine that was created is not created again before it is gone: deleted, or its creation
//! failed, or its host vanished.

use std::collections::BTreeMap;

use argosy_proto::argosy::v1::effect::Kind;

use super::Invariant;
use crate::sight::Sight;

/// The effect that created each machine which has not gone since, and the provider's transition that it began.
#[derive(Debug, Default)]
pub(super) struct CreatedOnce(BTreeMap<String, (u64, String)>);

impl Invariant for CreatedOnce {
    fn name(&self) -> &'static str {
        "no machine is created twice"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md, head"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for effect in &sight.effects {
            let machine = &effect.machine_id;
            match effect.kind() {
                Kind::Create => {
                    let created = (effect.seq, effect.operation_id.clone());
                    if let Some((first, _)) = self.0.insert(machine.clone(), created) {
                        found.push(format!("{machine} was created at effect {first} and again at {}", effect.seq));
                    }
                }
                Kind::Delete | Kind::Vanished => drop(self.0.remove(machine)),
                Kind::Failed if self.0.get(machine).is_some_and(|(_, creation)| *creation == effect.operation_id) => {
                    self.0.remove(machine);
                }
                _ => {}
            }
        }
        found
    }
}
