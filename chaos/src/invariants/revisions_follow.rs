//! crates/raft, `StateMachine`: a published view holds exactly what was applied, so its revision never passes its index, and both rise.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// The last published index of each replica's life.
#[derive(Debug, Default)]
pub(super) struct RevisionsFollow(BTreeMap<(String, u32, u64), (u64, u64)>);

impl Invariant for RevisionsFollow {
    fn name(&self) -> &'static str {
        "revisions follow indexes"
    }

    fn source(&self) -> &'static str {
        "crates/raft/src/machine.rs"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            for published in &replica.published {
                let now = (published.view.applied, published.view.state.revision());
                let known = self.0.insert((node.id.clone(), node.life, replica.group), now).unwrap_or_default();
                if now.1 > now.0 || now.0 < known.0 || now.1 < known.1 {
                    found.push(format!("{}: {} published {now:?} after {known:?}", replica.shard, node.id));
                }
            }
        }
        found
    }
}
