//! ADR 0013: a member is a node in one life of its disk. A node that came back with another disk leads nothing until it is let in anew.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// The disk with which each node was seen as each instance first.
#[derive(Debug, Default)]
pub(super) struct FormerSelfRefused(BTreeMap<(String, u64), u32>);

impl Invariant for FormerSelfRefused {
    fn name(&self) -> &'static str {
        "a former self is refused"
    }

    fn source(&self) -> &'static str {
        "docs/adr/0013"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for node in &sight.nodes {
            let Some(instance) = node.instance else { continue };
            let disk = *self.0.entry((node.id.clone(), instance)).or_insert(node.disk);
            if disk != node.disk {
                found.push(format!("{} has another disk and is who it was", node.id));
            }
            for replica in node.replicas.iter().filter(|replica| replica.reign.is_some()) {
                let members = &replica.status.members.instances;
                let member = members.iter().find(|(member, _)| member.0 == node.number);
                if member.is_some_and(|(_, member)| member.0 != instance) {
                    found.push(format!("{}: {} lost its disk and leads as who it was", replica.shard, node.id));
                }
            }
        }
        found
    }
}
