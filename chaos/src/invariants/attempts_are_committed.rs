//! docs/adr/0045: an attempt is committed before it is made, so a fence names an index that is committed and a term that has been.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// The highest commit and term of each shard.
#[derive(Debug, Default)]
pub(super) struct AttemptsAreCommitted(BTreeMap<String, (u64, u64)>);

/// The term in an epoch: the rest is the restore generation, see `argosy_shard::Fence`.
const TERM_BITS: u64 = (1 << 32) - 1;

impl Invariant for AttemptsAreCommitted {
    fn name(&self) -> &'static str {
        "attempts are committed first"
    }

    fn source(&self) -> &'static str {
        "docs/adr/0045"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        for (_, replica) in sight.replicas() {
            let known = self.0.entry(replica.shard.clone()).or_default();
            let (committed, term) = (replica.status.committed, replica.status.leadership.term);
            *known = (committed.max(known.0), term.max(known.1));
        }
        let mut found = Vec::new();
        for effect in &sight.effects {
            let (committed, term) = self.0.get(&effect.shard_id).copied().unwrap_or_default();
            let index = u64::try_from(effect.sequence_number).unwrap_or(u64::MAX);
            let epoch = u64::try_from(effect.shard_epoch).unwrap_or(u64::MAX) & TERM_BITS;
            if index > committed || epoch > term {
                found.push(format!("effect {}: fence {epoch}.{index}, but {term}.{committed} is known", effect.seq));
            }
        }
        found
    }
}
