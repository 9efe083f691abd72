//! What a shard has done since it began, in numbers. Part of the state: every replica counts alike.

use serde::{Deserialize, Serialize};

use crate::operation::Kind;

/// Counts since the shard began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Entries applied.
    pub entries: u64,
    /// Entries that were rejected.
    pub rejected: u64,
    /// Plans taken, whole or in part.
    pub plans: u64,
    /// Units taken.
    pub units_taken: u64,
    /// Units dropped.
    pub units_dropped: u64,
    /// Operations opened: decisions on their way.
    pub operations: u64,
    /// Operations whose effect was seen.
    pub done: u64,
    /// Operations that were turned down.
    pub refused: u64,
    /// Operations that failed or ran out of time.
    pub failed: u64,
    /// Operations that ended otherwise: host lost, overtaken, no longer needed.
    pub overtaken: u64,
    /// Attempts made, the first ones included.
    pub attempts: u64,
    /// Fences that a provider refused.
    pub fenced: u64,
    /// Operations opened by kind, in the order of [`Kind::ALL`].
    pub by_kind: [u64; Kind::ALL.len()],
    /// Records of providers that were screened out.
    pub screened: u64,
    /// Records of machines of other shards, or with an id that another provider has.
    pub foreign: u64,
    /// Machines adopted.
    pub adopted: u64,
    /// Machines that vanished.
    pub gone: u64,
    /// Hosts that died or were interrupted.
    pub lost: u64,
    /// Roll-ups accepted.
    pub rollups: u64,
    /// Roll-ups held back.
    pub rollups_held: u64,
}

impl Counters {
    /// Operations opened, by kind.
    pub fn opened(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().zip(self.by_kind)
    }

    pub(crate) fn open(&mut self, kind: Kind) {
        self.operations += 1;
        self.attempts += 1;
        self.by_kind[kind as usize] += 1;
    }
}
