//! ARCHITECTURE.md §2, fence: a provider accepts no fence that is not newer, per shard and machine.

use std::collections::BTreeMap;

use argosy_provider::sim::ledger::was_asked_for;

use super::Invariant;
use crate::sight::Sight;

/// The newest fence of each shard on each machine.
#[derive(Debug, Default)]
pub(super) struct FencesNeverFall(BTreeMap<(String, String), (i64, i64)>);

impl Invariant for FencesNeverFall {
    fn name(&self) -> &'static str {
        "fences never fall"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §2"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for effect in sight.effects.iter().filter(|effect| was_asked_for(effect)) {
            let fence = (effect.shard_epoch, effect.sequence_number);
            let key = (effect.machine_id.clone(), effect.shard_id.clone());
            let known = self.0.insert(key, fence);
            if fence == (0, 0) || known.is_some_and(|known| fence <= known) {
                let machine = &effect.machine_id;
                found.push(format!("effect {} on {machine} has fence {fence:?} after {known:?}", effect.seq));
            }
        }
        found
    }
}
