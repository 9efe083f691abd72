//! ARCHITECTURE.md, head: no action is doubled. The provider carries out every operation's step once, whatever was lost on the way. What has
//! failed there, and what was done to a host that vanished, has no effect any more, and may be done again.

use argosy_proto::argosy::v1::Effect;
use argosy_provider::sim::ledger::Standing;

use super::Invariant;
use crate::sight::Sight;

/// What stands of what was done.
#[derive(Debug, Default)]
pub(super) struct NoOperationTwice(Standing);

impl Invariant for NoOperationTwice {
    fn name(&self) -> &'static str {
        "no operation is done twice"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let again = |effect: &Effect| {
            let first = self.0.enter(effect)?;
            Some(format!("{} was done at effect {first} and again at {}", effect.operation, effect.seq))
        };
        sight.effects.iter().filter_map(again).collect()
    }
}
