//! Raft §5.2, election safety: a term has at most one leader, whoever is asked.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// Who leads which term of which shard, as far as any replica said.
#[derive(Debug, Default)]
pub(super) struct OneLeaderPerTerm(BTreeMap<(String, u64), u64>);

impl Invariant for OneLeaderPerTerm {
    fn name(&self) -> &'static str {
        "one leader per term"
    }

    fn source(&self) -> &'static str {
        "Raft §5.2"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            let led = replica.status.leadership;
            let Some(leader) = led.leader else { continue };
            let known = *self.0.entry((replica.shard.clone(), led.term)).or_insert(leader.0);
            if known != leader.0 {
                found.push(format!(
                    "{}: in term {} {} follows node {leader}, others node {known}",
                    replica.shard, led.term, node.id
                ));
            }
        }
        found
    }
}
