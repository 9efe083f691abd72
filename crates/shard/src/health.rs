//! What a shard keeps of its machines' health, so that a new leader forgets none of it.
//!
//! Conditions are evaluated on the leader alone ([`Command::Health`](crate::Command::Health) carries what came of them). The record of
//! a machine is bytes here: this crate knows when it may be replaced and what its verdict is, never what is in it.

use std::sync::Arc;

use argosy_model::{MachineIx, ShardTime};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

/// Longest record, in bytes.
pub const MAX_HEALTH_RECORD: usize = 512 * 1_024;
/// Longest policy, in bytes.
pub const MAX_HEALTH_POLICY: usize = 256 * 1_024;
/// Longest reason of a verdict, in bytes.
pub const MAX_HEALTH_REASON: usize = 1_024;

/// How a machine is, in the words of people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthVerdict {
    /// healthy, unknown, degraded or unhealthy.
    pub health: String,
    /// What is to be done: observe, restart-workload, reset-gpu, reboot-host, quarantine or replace.
    pub class: String,
    /// The rule, the GPU and the evidence in one line.
    pub reason: String,
    /// Since when it is so.
    pub since: ShardTime,
    /// Whether the machine must not be supply.
    pub unfit: bool,
}

/// What a leader found out about a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthUpdate {
    /// The machine's id.
    pub machine: String,
    /// How many updates of this machine had been folded in where the leader went on from.
    pub base: u64,
    /// Everything that the next leader needs to go on.
    pub record: Vec<u8>,
    /// What it comes to.
    pub verdict: HealthVerdict,
}

/// What is kept of one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHealth {
    /// How many updates have been folded in.
    pub updates: u64,
    /// Everything that the next leader needs to go on.
    pub record: Vec<u8>,
    /// What it comes to.
    pub verdict: HealthVerdict,
}

/// The policy that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthPolicy {
    /// Its text, as it was applied.
    pub text: String,
    /// The log index at which it was applied.
    pub revision: u64,
}

/// The health of a shard's machines. Clones share structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthBook {
    pub(crate) policy: Option<Arc<HealthPolicy>>,
    pub(crate) acts: bool,
    pub(crate) machines: OrdMap<MachineIx, Arc<KeptHealth>>,
}

/// What there is one of, for snapshots.
#[derive(Serialize, Deserialize)]
pub(crate) struct HealthHeader {
    pub(crate) policy: Option<HealthPolicy>,
    pub(crate) acts: bool,
}

impl HealthBook {
    /// The policy in force; `None` is that of a new installation.
    pub fn policy(&self) -> Option<&HealthPolicy> {
        self.policy.as_deref()
    }

    /// Whether verdicts take machines out of supply. Off in a new installation: they are only shown.
    pub fn acts(&self) -> bool {
        self.acts
    }

    /// What is kept of a machine.
    pub fn get(&self, machine: MachineIx) -> Option<&KeptHealth> {
        self.machines.get(&machine).map(|kept| &**kept)
    }

    /// Every machine of which something is kept, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (MachineIx, &KeptHealth)> {
        self.machines.iter().map(|(machine, kept)| (*machine, &**kept))
    }

    pub(crate) fn header(&self) -> Option<HealthHeader> {
        let says_nothing = self.policy.is_none() && !self.acts;
        (!says_nothing).then(|| HealthHeader { policy: self.policy.as_deref().cloned(), acts: self.acts })
    }
}
