//! ARCHITECTURE.md, head: no action is doubled. The provider carries out every operation's step once, whatever was lost on the way.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// The effect of each operation's step.
#[derive(Debug, Default)]
pub(super) struct NoOperationTwice(BTreeMap<String, u64>);

impl Invariant for NoOperationTwice {
    fn name(&self) -> &'static str {
        "no operation is done twice"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for effect in sight.effects.iter().filter(|effect| !effect.operation.is_empty()) {
            if let Some(first) = self.0.insert(effect.operation.clone(), effect.seq) {
                found.push(format!("{} was done at effect {first} and again at {}", effect.operation, effect.seq));
            }
        }
        found
    }
}
