//! Timers and limits of a node's replicas.

use std::time::Duration;

/// The clock of an election. The defaults fit links of up to 100 ms round trip and disks that sync within 50 ms; docs/adr/0012 has the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often an idle leader speaks to its followers. It is also the budget of one append call, so it must exceed round trip plus sync.
    pub heartbeat: Duration,
    /// Shortest wait, after the leader's lease ran out, before a follower stands for election.
    pub election_min: Duration,
    /// Longest such wait, and the length of the lease.
    pub election_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(250),
            election_min: Duration::from_millis(350),
            election_max: Duration::from_millis(650),
        }
    }
}

/// What a replica holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest command, in bytes. A bigger one is refused before it enters the log.
    pub command_bytes: usize,
    /// Bytes of proposals that may be on their way in one group; further proposers wait.
    pub proposals_in_flight_bytes: usize,
    /// Entries after which a snapshot is taken.
    pub snapshot_every: u64,
    /// Bytes of commands after which a snapshot is taken, however few they are: this bounds what a restart has to read.
    pub snapshot_every_bytes: u64,
    /// Entries that stay in the log behind a snapshot, so that a follower that lags a little needs no snapshot.
    pub keep_behind_snapshot: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_bytes: 2 * 1024 * 1024,
            proposals_in_flight_bytes: 64 * 1024 * 1024,
            snapshot_every: 20_000,
            snapshot_every_bytes: 256 * 1024 * 1024,
            keep_behind_snapshot: 5_000,
        }
    }
}

/// Settings of a [`Host`](crate::Host).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Election timers.
    pub timing: Timing,
    /// Bounds.
    pub limits: Limits,
}
