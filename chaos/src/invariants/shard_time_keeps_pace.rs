//! ARCHITECTURE.md §1, time: shard time advances by a leader's monotonic elapsed time, so it never outruns the world's.

use super::Invariant;
use crate::sight::Sight;

/// Needs no memory.
#[derive(Debug, Default)]
pub(super) struct ShardTimeKeepsPace;

/// A shard begins after its world, so it is behind; this is for the grain of looks.
const GRAIN_MS: u128 = 50;

impl Invariant for ShardTimeKeepsPace {
    fn name(&self) -> &'static str {
        "shard time keeps pace"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let ahead = sight.replicas().filter_map(|(node, replica)| {
            let shown = replica.view.state.now().0;
            let is_ahead = u128::from(shown) > sight.at.as_millis() + GRAIN_MS;
            is_ahead.then(|| format!("{}: it is {shown} ms on {}, and the world is younger", replica.shard, node.id))
        });
        ahead.collect()
    }
}
