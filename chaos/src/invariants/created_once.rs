//! ARCHITECTURE.md, head: no action is doubled. A machine that was created is not created again before it is gone: deleted, or its creation
//! failed, or its host vanished.

use argosy_proto::argosy::v1::Effect;
use argosy_provider::sim::ledger::Hosts;

use super::Invariant;
use crate::sight::Sight;

/// The hosts that the provider has.
#[derive(Debug, Default)]
pub(super) struct CreatedOnce(Hosts);

impl Invariant for CreatedOnce {
    fn name(&self) -> &'static str {
        "no machine is created twice"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md, head"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let again = |effect: &Effect| {
            let first = self.0.enter(effect)?;
            Some(format!("{} was created at effect {first} and again at {}", effect.machine_id, effect.seq))
        };
        sight.effects.iter().filter_map(again).collect()
    }
}
