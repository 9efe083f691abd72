//! The fleet in numbers at one moment.

use serde::{Deserialize, Serialize};

/// The fleet at one moment. Of the machines that a pool holds or is getting each counts once in `joining`, `healthy`, `unknown`,
/// `degraded` or `unhealthy`; `unfit`, `cordoned` and `silent` count among those again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Milliseconds of virtual time.
    pub at_ms: u64,
    /// Machines that are to be there: the targets of all pools.
    pub wanted: u32,
    /// Machines that exist and cost: everything but free slots.
    pub total: u32,
    /// Being created or configured.
    pub joining: u32,
    /// Bound, and nothing stands against them.
    pub healthy: u32,
    /// Bound, and nothing is known of them.
    pub unknown: u32,
    /// Bound and degraded.
    pub degraded: u32,
    /// Bound and unhealthy, by the verdict or because they count as no supply.
    pub unhealthy: u32,
    /// Count as no supply.
    pub unfit: u32,
    /// Closed for new work.
    pub cordoned: u32,
    /// Being drained.
    pub draining: u32,
    /// Failed, as their provider shows them.
    pub failed: u32,
    /// Up and heard: agents that answer.
    pub responsive: u32,
    /// Up, and not heard.
    pub silent: u32,
    /// Machines with something that the simulator broke and nobody has mended.
    pub broken: u32,
    /// Failures so far.
    pub failures: u32,
    /// Recoveries so far.
    pub recoveries: u32,
    /// Failures that spread from others, so far.
    pub cascades: u32,
    /// Replacements so far.
    pub replacements: u32,
    /// Scheduled outages that are on.
    pub active_outages: u32,
    /// Spent so far.
    pub cost_microusd: u64,
    /// Of that, on machines that counted as no supply.
    pub wasted_microusd: u64,
}
