//! One thing that happened in a run.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{FailureNumber, MachineNumber};

/// One thing that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// Milliseconds of virtual time.
    pub at_ms: u64,
    /// To which machine; `None` for the fleet as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineNumber>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A machine is up, and its agent has said so for the first time since it was created.
    Started {
        /// Counts the hosts that this slot has had.
        generation: u32,
        /// From the decision to acquire it until now.
        cold_start_ms: u64,
    },
    /// The simulator broke something.
    Failed {
        /// Its number.
        failure: FailureNumber,
        /// What kind of failure.
        kind: FailureKind,
        /// The XID, if it shows as one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        xid: Option<u32>,
        /// The GPU; `None` is the machine as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gpu: Option<u32>,
        /// Why.
        cause: Cause,
    },
    /// What was broken is right again.
    Recovered {
        /// The failure.
        failure: FailureNumber,
        /// Its kind.
        kind: FailureKind,
        /// How long it lasted.
        lasted_ms: u64,
    },
    /// The control plane says otherwise of a machine's health than before.
    Verdict {
        /// healthy, unknown, degraded or unhealthy; what was said before.
        from: String,
        /// What is said now.
        to: String,
        /// The class of action.
        class: String,
        /// The rule behind it.
        rule: String,
        /// In one line, for people.
        reason: String,
        /// Whether it is not supply any more.
        unfit: bool,
        /// From the oldest failure that stands on the machine until now; `None` when nothing was broken there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
    },
    /// A cycle decided something about a machine, and the plan was taken.
    Decided {
        /// Bootstrap, Provision, Preempt, Reclaim or Delete.
        action: String,
        /// Why, as the engine says it.
        reason: String,
        /// The pool it is for, or is taken from.
        pool: Option<String>,
    },
    /// The machine is bound to its pool and covers it.
    Joined {
        /// The pool.
        pool: String,
    },
    /// The machine is being drained.
    Draining,
    /// The machine has left its pool.
    Left {
        /// The state it is in now.
        state: String,
    },
    /// The machine is gone from the provider's point of view: given back, or lost.
    Ended {
        /// Whether nobody asked for that.
        lost: bool,
    },
    /// A machine that was lost to its pool has been made up for by another one.
    Replaced {
        /// The one that covers in its place.
        by: MachineNumber,
        /// The pool.
        pool: String,
        /// From the verdict, or the loss, until the other one covered.
        took_ms: u64,
    },
    /// Nothing is heard from the machine's agent any more, and the control plane has noticed.
    Silent,
    /// The agent is heard again.
    Heard,
    /// Somebody gave a command.
    Command {
        /// cordon, uncordon, drain, terminate or run_diagnostic.
        command: String,
        /// What came of it.
        outcome: String,
    },
    /// A repair is at another step, waits for something else, or has ended.
    Repair {
        /// reset-gpu, reboot-host, quarantine or replace.
        class: String,
        /// Its step, how it ended, or which rail it waits for.
        state: String,
    },
    /// A breaker holds repairs back; or does so no longer.
    Held {
        /// Which one, and over what.
        rail: String,
        /// Whether it holds now.
        on: bool,
    },
    /// A pool is to have another size.
    PoolSized {
        /// The pool.
        pool: String,
        /// Machines it was to have.
        from: u32,
        /// Machines it is to have.
        to: u32,
        /// Why.
        reason: String,
    },
    /// A scheduled outage begins.
    OutageBegan {
        /// Its name.
        outage: String,
        /// How many machines it hits at once.
        machines: u32,
    },
    /// A scheduled outage ends, and what it caused is cleared.
    OutageEnded {
        /// Its name.
        outage: String,
        /// How many failures were cleared.
        cleared: u32,
    },
    /// Another leader has taken over.
    LeaderChanged,
    /// The scenario says something.
    Log {
        /// What.
        message: String,
    },
    /// An assertion was looked at.
    Asserted {
        /// Its place in the record's assertions.
        assertion: u32,
        /// Whether it holds.
        passed: bool,
    },
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A GPU's driver reports an XID.
    XidError,
    /// A GPU runs hot.
    Temperature,
    /// The driver cannot be asked.
    #[serde(alias = "backend_error")]
    NvmlFailure,
    /// The host fails its checks and does not come up.
    BootFailure,
    /// The agent cannot be heard.
    Network,
    /// An uncorrected error in a GPU's memory.
    MemoryError,
    /// A link between GPUs.
    NvlinkError,
    /// One GPU no longer answers.
    DeviceError,
}

impl JsonSchema for FailureKind {
    fn schema_name() -> Cow<'static, str> {
        "FailureKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Derived, it would lack the second name of an NVML failure.
        let mut words: Vec<&str> = Self::ALL.iter().map(|kind| kind.name()).collect();
        words.push("backend_error");
        json_schema!({ "type": "string", "enum": words })
    }
}

impl FailureKind {
    /// The one of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = if name == "backend_error" { "nvml_failure" } else { name };
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::XidError,
        Self::Temperature,
        Self::NvmlFailure,
        Self::BootFailure,
        Self::Network,
        Self::MemoryError,
        Self::NvlinkError,
        Self::DeviceError,
    ];

    /// Its word in scenarios and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::XidError => "xid_error",
            Self::Temperature => "temperature",
            Self::NvmlFailure => "nvml_failure",
            Self::BootFailure => "boot_failure",
            Self::Network => "network",
            Self::MemoryError => "memory_error",
            Self::NvlinkError => "nvlink_error",
            Self::DeviceError => "device_error",
        }
    }
}

/// Why something broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Cause {
    /// By itself, at the scenario's rate.
    Primary,
    /// An event of the scenario says so.
    Script,
    /// Another failure spread.
    Cascade {
        /// The failure that it spread from.
        parent: FailureNumber,
        /// How many steps from the primary.
        depth: u32,
    },
    /// Another failure has this one in its wake.
    Correlated {
        /// The failure.
        parent: FailureNumber,
        /// The rule.
        rule: String,
    },
    /// A scheduled outage.
    Outage {
        /// Its name.
        outage: String,
    },
}
