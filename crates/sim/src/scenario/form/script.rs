//! What is done to a fleet, and what it ought to come to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::scalar::{Span, Words};

/// Something that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When, from the beginning of the run.
    #[serde(default)]
    pub at: Span,
    /// What.
    pub action: Action,
    /// To which machine.
    #[serde(default)]
    pub target: String,
    /// How.
    #[serde(default)]
    pub params: Params,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The pools ask for their machines. A generated fleet does so by itself, at the beginning.
    StartFleet,
    /// The pools ask for none.
    StopFleet,
    /// Something breaks.
    InjectFailure,
    /// Something is mended.
    RecoverFailure,
    /// A person gives a command.
    IssueCommand,
    /// Nothing goes on before a machine has a status.
    WaitForStatus,
    /// Nothing; `at` does the waiting.
    Wait,
    /// Says something.
    Log,
    /// Looks at something at once.
    Assert,
}

impl Action {
    /// Whether it is done to a machine.
    pub fn needs_machine(self) -> bool {
        matches!(self, Self::InjectFailure | Self::RecoverFailure | Self::IssueCommand | Self::WaitForStatus)
    }
}

/// How something is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// `inject_failure`, `recover_failure`: the kind of failure; all of them if a recovery names none. `assert`: the type of
    /// assertion.
    pub failure_type: String,
    /// `inject_failure`: the XID.
    pub xid_code: Option<u32>,
    /// `inject_failure`: the GPU, from 0.
    pub gpu_index: Option<u32>,
    /// `inject_failure`: what the machine says about it.
    pub message: String,
    /// `issue_command`: which.
    pub command_type: Option<CommandWord>,
    /// `issue_command`: arguments, such as `reason`.
    pub command_args: BTreeMap<String, Words>,
    /// `wait_for_status`, `assert`: what it ought to be.
    pub expected_status: Words,
    /// `wait_for_status`: how long at most.
    pub timeout: Option<Span>,
    /// `log`: what.
    pub log_message: String,
}

/// A command of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandWord {
    /// Closes a machine for new work.
    Cordon,
    /// Opens it again.
    Uncordon,
    /// Closes it, and has what it serves covered by another.
    Drain,
    /// Ends its host.
    Terminate,
    /// Has its agent check the GPUs.
    RunDiagnostic,
}

impl CommandWord {
    /// As a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cordon => "cordon",
            Self::Uncordon => "uncordon",
            Self::Drain => "drain",
            Self::Terminate => "terminate",
            Self::RunDiagnostic => "run_diagnostic",
        }
    }
}

/// What ought to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// What is looked at.
    #[serde(rename = "type", default)]
    pub kind: AssertionKind,
    /// Of which machine, pool, zone or number; see the type.
    #[serde(default)]
    pub target: String,
    /// What it ought to be; see the type.
    #[serde(default)]
    pub expected: Words,
    /// When it is looked at (ours); at the end if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// It has to hold at every moment from `at`, or the beginning, until then (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
}

/// What an assertion looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssertionKind {
    /// A machine's status: active, cordoned, draining, unhealthy or terminated.
    #[default]
    NodeStatus,
    /// The verdict on a machine: healthy, degraded, unhealthy or unknown.
    HealthStatus,
    /// At least so many machines are up and heard. The target may be `all`, `zone=…`, `region=…`, `provider=…`, `pool=…`.
    NodeCount,
    /// A number of the fleet, such as `healthy` or `replacements`, against `>= 4000` (ours).
    Count,
    /// How often something happened in a minute, such as `failures` against `>= 240` (ours).
    Rate,
    /// How long `detect`, `detect_to_replace` or `repair` took, against `p99 <= 90s` (ours).
    Latency,
    /// What `total` or `wasted` came to in dollars, against `<= 1000` (ours).
    Cost,
    /// A rule that has to hold all the time: `never_above_max`, `never_below_min`, `no_leak` or `no_double_action` (ours).
    Invariant,
}

impl Assertion {
    /// What an event of the action `assert` looks at: its type stands in `failure_type`.
    ///
    /// # Errors
    /// What types there are.
    pub fn of_event(event: &Event) -> Result<Self, String> {
        let kind = match event.params.failure_type.as_str() {
            "" | "node_status" => AssertionKind::NodeStatus,
            "health_status" => AssertionKind::HealthStatus,
            "node_count" => AssertionKind::NodeCount,
            other => return Err(format!("'{other}' is none of node_status, health_status, node_count")),
        };
        let (target, expected) = (event.target.clone(), event.params.expected_status.clone());
        Ok(Self { kind, target, expected, at: Some(event.at), until: None })
    }
}
