//! What is remembered of a pool between two decisions. It goes through the log, so a failover forgets no cooldown.

use argosy_model::ShardTime;
use serde::{Deserialize, Serialize};

/// Where a pool stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Machines that it is to have.
    pub target: u32,
    /// When that was last raised.
    pub raised_at: Option<ShardTime>,
    /// When that was last lowered.
    pub lowered_at: Option<ShardTime>,
}

impl Standing {
    /// The standing after a decision for `target` at `at`.
    #[must_use]
    pub fn moved(self, target: u32, at: ShardTime) -> Self {
        let mut moved = Self { target, ..self };
        match target.cmp(&self.target) {
            std::cmp::Ordering::Greater => moved.raised_at = Some(at),
            std::cmp::Ordering::Less => moved.lowered_at = Some(at),
            std::cmp::Ordering::Equal => {}
        }
        moved
    }
}
