//! ARCHITECTURE.md, head: no action is doubled. The provider carries out every operation's step once, whatever was lost on the way. What has
//! failed there has no effect any more, and may be done again.

use std::collections::BTreeMap;

use argosy_proto::argosy::v1::effect::Kind;

use super::Invariant;
use crate::sight::Sight;

/// The effect of each operation's step, and the operation behind each of the provider's transitions.
#[derive(Debug, Default)]
pub(super) struct NoOperationTwice {
    done: BTreeMap<String, u64>,
    transitions: BTreeMap<String, String>,
}

impl Invariant for NoOperationTwice {
    fn name(&self) -> &'static str {
        "no operation is done twice"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for effect in &sight.effects {
            if effect.kind() == Kind::Failed {
                if let Some(operation) = self.transitions.remove(&effect.operation_id) {
                    self.done.remove(&operation);
                }
            } else if !effect.operation.is_empty() {
                self.transitions.insert(effect.operation_id.clone(), effect.operation.clone());
                if let Some(first) = self.done.insert(effect.operation.clone(), effect.seq) {
                    found.push(format!("{} was done at effect {first} and again at {}", effect.operation, effect.seq));
                }
            }
        }
        found
    }
}
