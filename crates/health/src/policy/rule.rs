//! One rule, checked.

use std::sync::Arc;

use argosy_model::Duration;
use serde::{Deserialize, Serialize};

use crate::class::{ActionClass, Health};
use crate::condition::Condition;

/// Highest count that a rule may ask for.
pub const MAX_COUNT: u32 = 64;

/// One rule of a policy.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique in its policy.
    pub name: Arc<str>,
    /// For people.
    pub description: Arc<str>,
    /// What has to be true of an event.
    pub condition: Arc<Condition>,
    /// How a machine is of which it is true.
    pub result: Health,
    /// What is to be done then.
    pub class: ClassOf,
    /// What it says something about.
    pub scope: Scope,
    /// How long it says so.
    pub stay: Stay,
    /// How often it has to be true.
    pub threshold: Threshold,
    /// For readings: how long without a break it has to be true. Events are moments, and pass by such a rule.
    pub sustained: Option<Duration>,
    /// How long it may stand before the machine is taken out of supply.
    pub grace: Duration,
}

/// Where a rule's class of action comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassOf {
    /// From the table, for XIDs and SXids; else the class named here.
    TableOr(ActionClass),
    /// From the rule.
    Is(ActionClass),
}

/// What a finding says something about, and across what its repeats are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// The GPU that the event names.
    #[default]
    Gpu,
    /// All GPUs that share its NVLink domain.
    NvlinkDomain,
    /// All GPUs of the machine.
    Machine,
}

/// How long a finding of an event stands. One of a reading stands as long as its readings say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// So long after the last time.
    Decay(Duration),
    /// Until the agent says that it is right again; a reset of the GPU and a boot end it too.
    UntilRecovered,
    /// Until the GPU was reset; a boot ends it too.
    UntilReset,
    /// Until the machine was booted.
    UntilReboot,
    /// Until an operator clears it, or the machine is replaced.
    UntilCleared,
}

/// How often a condition has to be true before the rule holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Once.
    Once,
    /// So often within the window.
    Count {
        /// How often.
        count: u32,
        /// Within what time.
        window: Duration,
        /// Count only different values of this metric; what lacks it is not counted.
        distinct: Option<Arc<str>>,
    },
    /// A metric that rises by more than this within that time.
    Rate {
        /// The metric.
        metric: Arc<str>,
        /// Within what time.
        per: Duration,
        /// By more than this.
        above: i64,
    },
}

/// When a machine that was repaired before wants more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// After so many resets a reboot, after so many reboots quarantine.
    pub attempts: u32,
    /// Within what time.
    pub within: Duration,
}

impl Default for Escalation {
    fn default() -> Self {
        Self { attempts: 2, within: Duration::from_secs(7 * 24 * 3_600) }
    }
}
