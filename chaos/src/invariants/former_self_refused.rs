//! ADR 0013: a member is a node in one life of its disk. A node that came back with another disk leads nothing until it is let in anew.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// The instance under which each node was a member while it had its first disk.
#[derive(Debug, Default)]
pub(super) struct FormerSelfRefused(BTreeMap<(String, u64), u64>);

impl Invariant for FormerSelfRefused {
    fn name(&self) -> &'static str {
        "a former self is refused"
    }

    fn source(&self) -> &'static str {
        "docs/adr/0013"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            let instances = &replica.status.members.instances;
            let Some(mine) = instances.iter().find(|(member, _)| member.0 == node.number) else { continue };
            let first = self.0.entry((node.id.clone(), replica.group)).or_insert(mine.1.0);
            let is_old = node.disk > 0 && mine.1.0 == *first;
            if is_old && replica.reign.is_some() {
                found.push(format!("{}: {} lost its disk and leads as who it was", replica.shard, node.id));
            }
        }
        found
    }
}
