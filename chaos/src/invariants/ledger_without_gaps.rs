//! The provider's ledger, on which other invariants rest, is whole.

use super::Invariant;
use crate::sight::Sight;

/// The last entry.
#[derive(Debug, Default)]
pub(super) struct LedgerWithoutGaps(u64);

impl Invariant for LedgerWithoutGaps {
    fn name(&self) -> &'static str {
        "the ledger has no gaps"
    }

    fn source(&self) -> &'static str {
        "proto/argosy/v1/sim_provider.proto"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for effect in &sight.effects {
            if effect.seq != self.0 + 1 {
                found.push(format!("effect {} follows {}", effect.seq, self.0));
            }
            self.0 = effect.seq;
        }
        found
    }
}
