//! ARCHITECTURE.md §5: every plan that a leader decides passes the linter: gangs whole, rails kept, claims consistent.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_server::leader::Decided;

use super::Invariant;
use crate::sight::Sight;

/// The last cycle that was looked at, by node and shard.
#[derive(Debug, Default)]
pub(super) struct PlansAreSound(BTreeMap<(String, String), (u64, u64)>);

impl Invariant for PlansAreSound {
    fn name(&self) -> &'static str {
        "plans are sound"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §5, spec/engine.md §2.16"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, replica) in sight.replicas() {
            let (Some(decided), Some(term)) = (&replica.decided, replica.reign) else { continue };
            let cycle = (term, decided.cycle);
            if self.0.insert((node.id.clone(), replica.shard.clone()), cycle) == Some(cycle) {
                continue;
            }
            found.extend(lint(decided).into_iter().map(|finding| format!("{}: {finding}", replica.shard)));
        }
        found
    }
}

fn lint(decided: &Arc<Decided>) -> Vec<String> {
    let findings = argosy_engine::lint(&decided.view.state.view(decided.at), &decided.decision);
    findings.into_iter().map(|finding| format!("{finding:?}")).collect()
}
