//! Commands: everything that can change a shard's state, and how it lies in the log.
//!
//! An entry is `[format version: u8][postcard of an Envelope]`. postcard is not self-describing, so [`Command`] and all
//! it holds are append-only: variants and fields are added at the end, under a new state version, and never removed.
//! Decoding never panics; what cannot be decoded is rejected by every replica alike.

use argosy_engine::Unit;
use argosy_model::{Duration, NeedKey, NeedMark, ShardTime};
use argosy_notify::{Progress, SinkFile};
use argosy_pool::{ConsolidationPolicy, Decision, LanePolicy, Specification};
use argosy_repair::{Class, Domain, Policy};
use serde::{Deserialize, Serialize};

use crate::health::HealthUpdate;
use crate::lanes::LaneName;
use crate::need_row::NeedRow;
use crate::observed::{Observed, ObservedMachine, ObservedShape};
use crate::operation::{OperationId, Refusal};
use crate::repairs::Repairs;
use crate::response::Rejection;
use crate::settings::Settings;

/// The format of entries that this release writes.
pub const FORMAT: u8 = 2;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Shard time at which the leader proposed it: its monotonic elapsed time since it took over, on top of the state's
    /// time then. The fold never lets time run backwards.
    pub at: ShardTime,
    /// The Raft term in which the proposer believed to lead.
    pub proposed_in_term: u64,
    /// What is to change.
    pub command: Command,
}

/// What is to change. Append-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Begins the shard. The first entry, and only that.
    Genesis(Genesis),
    /// The first command of every new leader: all open attempts whose fate is unknown are made anew under its term.
    LeaderStarted,
    /// Time passes: timers that are due fire (they also do before every other command).
    Tick,
    /// A cluster's demand, as what changes against its last accepted roll-up.
    RollUp(RollUp),
    /// What a provider shows.
    Observe(Observe),
    /// What a cycle decided.
    Plan(PlanEntry),
    /// What came of attempts.
    Outcomes(Vec<Report>),
    /// New attempts at operations from which nothing was heard.
    Retry(Vec<OperationId>),
    /// Sets policy, rails and limits.
    SetSettings {
        /// The new settings, whole.
        settings: Box<Settings>,
        /// Who and why.
        by: By,
    },
    /// Closes a machine for new work, or opens it again.
    Cordon {
        /// The machine's id.
        machine: String,
        /// Closed or open.
        on: bool,
        /// Who and why.
        by: By,
    },
    /// Sets or clears the verdict that a machine must not count as supply.
    SetUnhealthy {
        /// The machine's id.
        machine: String,
        /// Unhealthy or not.
        on: bool,
        /// Who and why.
        by: By,
    },
    /// Records an admin's act that changes nothing here.
    Audit {
        /// What was done.
        act: String,
        /// Who and why.
        by: By,
    },
    /// Raises the restore generation: every fence of the state that was restored from is older from now on.
    RaiseGeneration {
        /// The new generation, above the present one.
        generation: u32,
        /// Who and why.
        by: By,
    },
    /// Allows commands and snapshots of a later release. Proposed once every replica runs it.
    RaiseStateVersion {
        /// The new state version, above the present one.
        to: u16,
    },
    /// Lets a halted shard go on.
    Resume {
        /// Who and why.
        by: By,
    },
    /// Says what a pool is, new or anew.
    SetPool {
        /// All of it.
        specification: Box<Specification>,
        /// Who and why.
        by: By,
    },
    /// Ends a pool; its machines are given back.
    RemovePool {
        /// Its name.
        pool: String,
        /// Who and why.
        by: By,
    },
    /// What a pool's policy has decided.
    SizePool {
        /// Its name.
        pool: String,
        /// Log index of the specification that this was decided by.
        specified_at: u64,
        /// How many machines, and why.
        decision: Decision,
    },
    /// What came of the health of machines.
    Health(Vec<HealthUpdate>),
    /// Puts a health policy in force.
    SetHealthPolicy {
        /// Its text; empty is that of a new installation.
        text: String,
        /// Who and why.
        by: By,
    },
    /// Says whether verdicts on health take machines out of supply, or are only shown.
    SetHealthActs {
        /// They act.
        on: bool,
        /// Who and why.
        by: By,
    },
    /// What is next for machines in repair.
    Repair(Repairs),
    /// Puts a repair policy in force.
    SetRepairPolicy {
        /// All of it; `None` is that of a new installation.
        policy: Option<Box<Policy>>,
        /// Who and why.
        by: By,
    },
    /// Nothing is repaired automatically at a machine for a while.
    HoldRepair {
        /// The machine's id.
        machine: String,
        /// For how long from now; nothing ends a hold.
        span: Duration,
        /// Who and why.
        by: By,
    },
    /// Has a machine repaired now.
    RepairNow {
        /// The machine's id.
        machine: String,
        /// What is to be done.
        class: Class,
        /// Who and why.
        by: By,
    },
    /// Closes a breaker of repairs.
    ResetBreaker {
        /// Which; `None` is every one that is open.
        domain: Option<Domain>,
        /// Who and why.
        by: By,
    },
    /// Says who is told of what happens.
    SetSinks {
        /// All of them.
        file: Box<SinkFile>,
        /// Who and why.
        by: By,
    },
    /// How far sinks have been told.
    Notified(Vec<Progress>),
    /// Puts quotas and breakers of lanes in force.
    SetLanePolicy {
        /// All of it; `None` is that of a new installation.
        policy: Option<Box<LanePolicy>>,
        /// Who and why.
        by: By,
    },
    /// Closes the breaker of a lane.
    CloseLanes {
        /// Which; `None` is every one that is not closed.
        lane: Option<LaneName>,
        /// Who and why.
        by: By,
    },
    /// Sets what consolidation is allowed.
    SetConsolidation {
        /// All of it; `None` is that of a new installation: off.
        policy: Option<Box<ConsolidationPolicy>>,
        /// Who and why.
        by: By,
    },
    /// Which schedules of consolidation's budgets are open now: the leader has a clock on its wall, and the fold has none.
    ChurnSchedules {
        /// Log index of the policy that this is about.
        policy_at: u64,
        /// Places of the budgets with a schedule that are in force.
        in_force: Vec<u16>,
    },
}

impl Command {
    /// Its name in metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Genesis(_) => "genesis",
            Self::LeaderStarted => "leader_started",
            Self::Tick => "tick",
            Self::RollUp(_) => "roll_up",
            Self::Observe(_) => "observe",
            Self::Plan(_) => "plan",
            Self::Outcomes(_) => "outcomes",
            Self::Retry(_) => "retry",
            Self::SetSettings { .. } => "set_settings",
            Self::Cordon { .. } => "cordon",
            Self::SetUnhealthy { .. } => "set_unhealthy",
            Self::Audit { .. } => "audit",
            Self::RaiseGeneration { .. } => "raise_generation",
            Self::RaiseStateVersion { .. } => "raise_state_version",
            Self::Resume { .. } => "resume",
            Self::SetPool { .. } => "set_pool",
            Self::RemovePool { .. } => "remove_pool",
            Self::SizePool { .. } => "size_pool",
            Self::Health(_) => "health",
            Self::SetHealthPolicy { .. } => "set_health_policy",
            Self::SetHealthActs { .. } => "set_health_acts",
            Self::Repair(_) => "repair",
            Self::SetRepairPolicy { .. } => "set_repair_policy",
            Self::HoldRepair { .. } => "hold_repair",
            Self::RepairNow { .. } => "repair_now",
            Self::ResetBreaker { .. } => "reset_breaker",
            Self::SetSinks { .. } => "set_sinks",
            Self::Notified(_) => "notified",
            Self::SetLanePolicy { .. } => "set_lane_policy",
            Self::CloseLanes { .. } => "close_lanes",
            Self::SetConsolidation { .. } => "set_consolidation",
            Self::ChurnSchedules { .. } => "churn_schedules",
        }
    }

    /// The least state version under which it may be in the log. All commands of the first release are of version 1.
    pub fn since_state_version(&self) -> u16 {
        1
    }
}

/// How a shard begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// Its id.
    pub shard: String,
    /// All shards of the fleet, this one included: slots without a zone are shared out among them.
    pub shards: Vec<String>,
    /// The topology domains that it owns: label key (or the well-known zone key) and value.
    pub domains: Vec<(String, String)>,
    /// Restore generation: 0 unless it continues the fences of a state that was lost.
    pub generation: u32,
    /// Policy, rails and limits.
    pub settings: Settings,
}

/// Who did something, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The identity that was authenticated.
    pub actor: String,
    /// The reason that was given.
    pub reason: String,
}

/// A cluster's demand as a delta; made by [`crate::ShardState::diff_rollup`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollUp {
    /// Whose it is.
    pub cluster: String,
    /// How many roll-ups of this cluster had been accepted in the state that this delta was made against.
    pub base: u64,
    /// Rows of the whole report.
    pub rows: u32,
    /// Rows that are new or have changed.
    pub put: Vec<NeedRow>,
    /// Rows that are no longer there.
    pub withdraw: Vec<NeedKey>,
}

/// What a provider shows; made by [`crate::ShardState::diff_observation`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observe {
    /// The provider's name in the configuration.
    pub provider: String,
    /// See [`crate::Listing::asked_at`].
    pub asked_at: u64,
    /// The shapes that the machines refer to.
    pub shapes: Vec<ObservedShape>,
    /// Machines, each with the position of its shape.
    pub machines: Vec<(u32, ObservedMachine)>,
    /// Ids of machines that are gone.
    pub gone: Vec<String>,
    /// How many records the edge could not read.
    pub unreadable: u32,
}

/// What a cycle decided, with the state that it was decided from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanEntry {
    /// The revision (last applied log index) of the state that decide looked at.
    pub based_on: u64,
    /// Decision units, in order of commitment.
    pub units: Vec<Unit>,
    /// What is to be remembered of needs.
    pub marks: Vec<(NeedKey, NeedMark)>,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The operation.
    pub operation: OperationId,
    /// The attempt that this is about; what is said of an older one is ignored.
    pub attempt: u32,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The provider is at it, and will show the result in a listing.
    Accepted {
        /// The provider's own name for it.
        provider_operation: String,
    },
    /// The provider showed the machine after it had accepted this attempt.
    Seen(Box<Observed>),
    /// Nothing was executed by this attempt.
    Refused {
        /// Why.
        refusal: Refusal,
        /// In the provider's words.
        text: String,
    },
    /// No answer, or none that says whether it was executed.
    Unknown {
        /// What happened instead.
        text: String,
    },
}

impl Envelope {
    /// The bytes for the log.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes = postcard::to_extend(self, bytes).expect("a command is plain data: encoding into memory cannot fail");
        bytes
    }

    /// Reads the bytes of an entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejection> {
        let Some((format, body)) = bytes.split_first() else {
            return Err(Rejection::Malformed { bytes: 0 });
        };
        if *format != FORMAT {
            return Err(Rejection::UnknownFormat { found: *format, known: FORMAT });
        }
        let malformed = Rejection::Malformed { bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX) };
        match postcard::take_from_bytes(body) {
            Ok((envelope, [])) => Ok(envelope),
            Ok(_) | Err(_) => Err(malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let by = By { actor: "ann".to_owned(), reason: "maintenance".to_owned() };
        let command = Command::Cordon { machine: "m-1".to_owned(), on: true, by };
        let envelope = Envelope { at: ShardTime(7), proposed_in_term: 3, command };
        assert_eq!(Envelope::decode(&envelope.encode()), Ok(envelope));
    }

    #[test]
    fn an_unknown_format_and_trailing_bytes_are_refused() {
        let envelope = Envelope { at: ShardTime(0), proposed_in_term: 1, command: Command::Tick };
        let mut bytes = envelope.encode();
        bytes[0] = 9;
        assert_eq!(Envelope::decode(&bytes), Err(Rejection::UnknownFormat { found: 9, known: FORMAT }));
        bytes[0] = FORMAT;
        bytes.push(0);
        assert!(matches!(Envelope::decode(&bytes), Err(Rejection::Malformed { .. })));
        assert!(matches!(Envelope::decode(&[]), Err(Rejection::Malformed { .. })));
    }

    #[test]
    fn the_numbers_of_commands_in_the_log_never_change() {
        // The third byte is the number of the variant: format, time and term come first.
        let number = |command| Envelope { at: ShardTime(0), proposed_in_term: 0, command }.encode()[3];
        let by = By::default;
        let commands = [
            Command::Genesis(Genesis::default()),
            Command::LeaderStarted,
            Command::Tick,
            Command::RollUp(RollUp { cluster: String::new(), base: 0, rows: 0, put: vec![], withdraw: vec![] }),
            Command::Observe(Observe::default()),
            Command::Plan(PlanEntry::default()),
            Command::Outcomes(vec![]),
            Command::Retry(vec![]),
            Command::SetSettings { settings: Box::default(), by: by() },
            Command::Cordon { machine: String::new(), on: true, by: by() },
            Command::SetUnhealthy { machine: String::new(), on: true, by: by() },
            Command::Audit { act: String::new(), by: by() },
            Command::RaiseGeneration { generation: 0, by: by() },
            Command::RaiseStateVersion { to: 0 },
            Command::Resume { by: by() },
            Command::SetPool { specification: Box::new(pool()), by: by() },
            Command::RemovePool { pool: String::new(), by: by() },
            Command::SizePool { pool: String::new(), specified_at: 0, decision: sized() },
            Command::Health(vec![]),
            Command::SetHealthPolicy { text: String::new(), by: by() },
            Command::SetHealthActs { on: true, by: by() },
            Command::Repair(Repairs::default()),
            Command::SetRepairPolicy { policy: None, by: by() },
            Command::HoldRepair { machine: String::new(), span: Duration(0), by: by() },
            Command::RepairNow { machine: String::new(), class: Class::ResetGpu, by: by() },
            Command::ResetBreaker { domain: None, by: by() },
            Command::SetSinks { file: Box::default(), by: by() },
            Command::Notified(vec![]),
            Command::SetLanePolicy { policy: None, by: by() },
            Command::CloseLanes { lane: None, by: by() },
            Command::SetConsolidation { policy: None, by: by() },
            Command::ChurnSchedules { policy_at: 0, in_force: vec![] },
        ];
        let names: std::collections::BTreeSet<&str> = commands.iter().map(Command::name).collect();
        assert_eq!(names.len(), commands.len(), "each has a name of its own in metrics and traces: {names:?}");
        let numbers: Vec<u8> = commands.into_iter().map(number).collect();
        assert_eq!(numbers, (0..32).collect::<Vec<u8>>());
    }

    fn pool() -> Specification {
        let text = "version: 1\npools: [{name: p, min: 0, max: 1, machine: {resources: {cpu: 1}}}]";
        argosy_pool::PoolFile::parse("test", text).expect("sound").pools.remove(0)
    }

    fn sized() -> Decision {
        Decision { target: 1, wanted: 1, reason: argosy_pool::Reason::Fixed, held: None }
    }

    proptest! {
        #[test]
        fn garbage_is_refused_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Envelope::decode(&bytes);
            let framed: Vec<u8> = std::iter::once(FORMAT).chain(bytes).collect();
            let _ = Envelope::decode(&framed);
        }
    }
}
