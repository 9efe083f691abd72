//! What decide is allowed and how it weighs: part of the replicated state, changed by an admin through the log.

use argosy_model::{CapacityType, Duration};
use serde::{Deserialize, Serialize};

/// Limits, holds and weights of one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// How long an idle on-demand machine is kept before it is given back.
    pub hold_on_demand: Duration,
    /// How long an idle spot machine is kept before it is given back.
    pub hold_spot: Duration,
    /// Most of a cluster's configured machines that one reclaim window may take, in parts per million; at least one
    /// machine. `None` switches the rail off.
    pub reclaim_cap_ppm: Option<u32>,
    /// Length of the reclaim window, so that fast wake-ups cannot multiply the cap.
    pub reclaim_window: Duration,
    /// Whether a roll-up that drops nearly all rows is held back until it is confirmed.
    pub empty_rollup_guard: bool,
    /// Decide and report, but commit no action.
    pub kill_switch: bool,
    /// Decide, count what would be done, commit no action.
    pub dry_run: bool,
    /// Time that a machine taken without urgency has to drain.
    pub voluntary_grace: Duration,
    /// A need without hope parks after this long: it keeps what it has and asks for nothing.
    pub park_after: Duration,
    /// A parked need is allowed one try this often.
    pub probe_every: Duration,
    /// A gang that is not whole after this long gives back what it took.
    pub assemble_within: Duration,
    /// A gang that gave up leaves the field to others for this long.
    pub retreat_for: Duration,
    /// Weights of the victim score, in thousandths: priority gap, drain time, interruption and reclamation penalty.
    pub victim_weights_milli: [u32; 4],
    /// Most actions that one plan may hold; the rest waits for the next. Fair between the phases.
    pub max_actions: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            hold_on_demand: Duration::from_secs(600),
            hold_spot: Duration::from_secs(60),
            reclaim_cap_ppm: Some(50_000),
            reclaim_window: Duration::from_secs(10),
            empty_rollup_guard: true,
            kill_switch: false,
            dry_run: false,
            voluntary_grace: Duration::from_secs(600),
            park_after: Duration::from_secs(80),
            probe_every: Duration::from_secs(320),
            assemble_within: Duration::from_secs(900),
            retreat_for: Duration::from_secs(120),
            victim_weights_milli: [1_000, 100, 100, 100],
            max_actions: 20_000,
        }
    }
}

impl Policy {
    /// How long an idle machine of this capacity type is kept; owned and committed capacity for ever.
    pub fn hold(&self, capacity_type: CapacityType) -> Duration {
        match capacity_type {
            CapacityType::OnDemand => self.hold_on_demand,
            CapacityType::Spot => self.hold_spot,
            CapacityType::Unspecified | CapacityType::BareMetal | CapacityType::Reserved => Duration::NEVER,
        }
    }

    /// Whether an idle machine's hold has run out. A hold of zero releases nothing: a machine passes through Idle on its way
    /// into a cluster, and would be given back there.
    pub fn is_hold_over(&self, capacity_type: CapacityType, idle_for: Duration) -> bool {
        let hold = self.hold(capacity_type);
        hold != Duration(0) && hold != Duration::NEVER && idle_for >= hold
    }
}

/// Most machines that one window may reclaim from a cluster with this many configured: a share, and always one.
pub fn reclaim_cap(ppm: u32, configured: usize) -> usize {
    let share = configured as u128 * u128::from(ppm) / 1_000_000;
    usize::try_from(share).unwrap_or(usize::MAX).max(1)
}
