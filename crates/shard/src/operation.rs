//! Operations: committed actions on their way to a provider, and the attempts at carrying them out.
//!
//! An operation is opened by a plan and closed by what its provider is seen to have done. Between the two, every try at
//! it is an [`Attempt`] of its own, committed before it is made, with a [`Fence`] that is newer than all before it.

use std::fmt;

use argosy_engine::{ActionKind, Reason};
use argosy_model::{Bucket, Claim, Duration, MachineIx, ShardTime, State};
use serde::{Deserialize, Serialize};

pub use argosy_engine::plan::Assignment;

/// Names an operation for ever: the log index of the plan that opened it, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OperationId {
    /// Log index of the plan.
    pub index: u64,
    /// Place among the operations that the plan opened, from 0.
    pub ordinal: u32,
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.ordinal)
    }
}

/// What a provider compares: newer is lexicographically greater. Its shard id is the state's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// Restore generation (upper 32 bits) and Raft term (lower 32 bits) of the entry that made the attempt.
    pub epoch: u64,
    /// Log index of that entry.
    pub sequence: u64,
}

impl Fence {
    /// The fence of an attempt made by the entry at `index` of `term`.
    pub fn new(generation: u32, term: u64, index: u64) -> Self {
        let term = u32::try_from(term).unwrap_or(u32::MAX);
        Self { epoch: u64::from(generation) << 32 | u64::from(term), sequence: index }
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Bind an idle machine.
    Bootstrap,
    /// Create a machine, then bind it.
    Provision,
    /// Drain it for a need of higher priority.
    Preempt,
    /// Drain it because its cluster no longer needs it.
    Reclaim,
    /// Give it back.
    Release,
}

impl Kind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 5] = [Self::Bootstrap, Self::Provision, Self::Preempt, Self::Reclaim, Self::Release];

    /// The kind of an action.
    pub fn of(action: &ActionKind) -> Self {
        match action {
            ActionKind::Bootstrap(_) => Self::Bootstrap,
            ActionKind::Provision(_) => Self::Provision,
            ActionKind::Preempt { .. } => Self::Preempt,
            ActionKind::Reclaim { .. } => Self::Reclaim,
            ActionKind::Release => Self::Release,
        }
    }

    /// Its name on the wire, in traces and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bootstrap => "Bootstrap",
            Self::Provision => "Provision",
            Self::Preempt => "Preempt",
            Self::Reclaim => "Reclaim",
            Self::Release => "Delete",
        }
    }

    /// The call it begins with.
    pub fn first_step(self) -> Step {
        match self {
            Self::Bootstrap => Step::Configure,
            Self::Provision => Step::Create,
            Self::Preempt | Self::Reclaim => Step::Drain,
            Self::Release => Step::Delete,
        }
    }
}

/// Which call of the provider is to be made. A provision makes two, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Step {
    /// `Create`.
    Create,
    /// `Configure`.
    Configure,
    /// `Drain`.
    Drain,
    /// `Delete`.
    Delete,
}

impl Step {
    /// Where the machine was before it.
    pub fn start(self) -> State {
        match self {
            Self::Create => State::Speculative,
            Self::Configure | Self::Delete => State::Idle,
            Self::Drain => State::Configured,
        }
    }

    /// Where the machine is meanwhile.
    pub fn doing(self) -> State {
        match self {
            Self::Create => State::Creating,
            Self::Configure => State::Configuring,
            Self::Drain => State::Draining,
            Self::Delete => State::Deleting,
        }
    }

    /// Where it leads.
    pub fn target(self) -> State {
        match self {
            Self::Create | Self::Drain => State::Idle,
            Self::Configure => State::Configured,
            Self::Delete => State::Speculative,
        }
    }

    /// The call's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Configure => "Configure",
            Self::Drain => "Drain",
            Self::Delete => "Delete",
        }
    }
}

/// How far an attempt has come, as far as the log knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Progress {
    /// Committed, and nothing heard: it may be executed any moment, or have been.
    Open,
    /// The provider is at it: its effect is known. Log index of the entry that said so.
    Accepted {
        /// Log index.
        at: u64,
    },
    /// The provider turned it down after an earlier attempt whose fate is unknown, or said that the machine is
    /// elsewhere. Its fence now bars every earlier call, so the next listing asked for after log index `at` is the truth.
    Barred {
        /// Log index.
        at: u64,
        /// Why.
        why: Refusal,
    },
}

/// One try at an operation's current step: a committed fact before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts the tries at the operation, from 1, over all steps and take-overs.
    pub number: u32,
    /// Newer than that of every earlier attempt on this machine.
    pub fence: Fence,
    /// The call is not to be made before this moment.
    pub not_before: ShardTime,
    /// What is known of it.
    pub progress: Progress,
}

/// A committed action on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its name.
    pub id: OperationId,
    /// On which machine.
    pub machine: MachineIx,
    /// What was decided.
    pub kind: Kind,
    /// Which call is to be made now.
    pub step: Step,
    /// For whom the machine is acquired, and under what terms: bootstraps and provisions.
    pub assignment: Option<Assignment>,
    /// Time to drain.
    pub grace: Duration,
    /// The claimant's priority, for the holder to see; 0 for a voluntary drain.
    pub preemptor_priority: i32,
    /// Why it was decided.
    pub reason: Reason,
    /// When it was decided.
    pub decided_at: ShardTime,
    /// When the current step counts as failed.
    pub deadline: ShardTime,
    /// The current try.
    pub attempt: Attempt,
    /// Whether an earlier attempt at this step was executed, or may have been.
    pub maybe_executed: bool,
}

impl Operation {
    /// Whether it is a creation of which the provider may yet make something: it does not just wait for a listing.
    pub(crate) fn is_creation_on_its_way(&self) -> bool {
        self.step == Step::Create && !matches!(self.attempt.progress, Progress::Barred { .. })
    }
}

/// Why a provider, or the shard before it, turned a call down. Nothing was executed by that call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// No stock or no quota.
    StockOut,
    /// Too many calls: try again later.
    Throttled,
    /// The machine is not where the call expects it.
    OutOfPosition,
    /// The provider does not accept the arguments.
    Invalid,
    /// The provider does not know this call.
    Unimplemented,
    /// The provider does not know the machine.
    NotFound,
    /// The fence was not newer: somebody else acts on this machine.
    Fenced,
    /// The cluster's operator gave no bootstrap blob in time: the provider was not called.
    NoBlob,
    /// The provider had accepted, and then shows the machine back where it was.
    Undone,
    /// The breaker of the machine's lane is open: the provider was not called.
    HeldBack,
}

impl Refusal {
    /// Its name in metrics and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::StockOut => "stock_out",
            Self::Throttled => "throttled",
            Self::OutOfPosition => "out_of_position",
            Self::Invalid => "invalid",
            Self::Unimplemented => "unimplemented",
            Self::NotFound => "not_found",
            Self::Fenced => "fenced",
            Self::NoBlob => "no_blob",
            Self::Undone => "undone",
            Self::HeldBack => "held_back",
        }
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ending {
    /// Its effect was seen.
    Done,
    /// A provision whose machine is there, but nobody needs it any more.
    Unneeded,
    /// Nothing was executed; the machine is back where it was.
    Refused(Refusal),
    /// The provider says that it failed.
    Failed,
    /// It took longer than its limit.
    TimedOut,
    /// The host vanished meanwhile.
    Lost,
    /// The provider shows the machine somewhere else; the provider's word counts.
    Overtaken,
}

impl Ending {
    /// Its name in metrics and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "success",
            Self::Unneeded => "unneeded",
            Self::Refused(refusal) => refusal.name(),
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
            Self::Overtaken => "overtaken",
        }
    }
}

/// Everything that the actuator needs to carry out an operation's current attempt, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation.
    pub operation: OperationId,
    /// The attempt's number; outcomes carry it.
    pub attempt: u32,
    /// The attempt's fence.
    pub fence: Fence,
    /// Not before this moment.
    pub not_before: ShardTime,
    /// Which provider.
    pub provider: String,
    /// Which machine.
    pub machine: String,
    /// Which call, with its arguments.
    pub verb: Verb,
    /// The breaker of the machine's lane holds it back: report [`Refusal::HeldBack`], and do not call.
    pub held_back: bool,
}

/// A call of the provider with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `Create`.
    Create,
    /// `Configure`: first ask the cluster for a bootstrap blob.
    Configure {
        /// For this cluster.
        cluster: String,
        /// For this need, if it is known: its requirements go with the request for a blob.
        claim: Claim,
        /// What the provider is to store and echo.
        metadata: Vec<(String, String)>,
    },
    /// `Drain`: first tell the cluster.
    Drain {
        /// The holder.
        cluster: String,
        /// Time to drain.
        grace: Duration,
        /// For the holder to see; 0 for a voluntary drain.
        preemptor_priority: i32,
    },
    /// `Delete`.
    Delete,
}

/// The terms under which a machine is held, when nothing is known of them.
pub(crate) const NO_TERMS: (i32, Bucket, Bucket) = (0, Bucket::UNSPECIFIED, Bucket::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_endings_have_the_names_that_metrics_and_the_wire_know() {
        let kinds = ["Bootstrap", "Provision", "Preempt", "Reclaim", "Delete"];
        assert_eq!(Kind::ALL.map(Kind::name), kinds);
        let endings = [
            (Ending::Done, "success"),
            (Ending::Unneeded, "unneeded"),
            (Ending::Failed, "failed"),
            (Ending::TimedOut, "timed_out"),
            (Ending::Lost, "lost"),
            (Ending::Overtaken, "overtaken"),
            (Ending::Refused(Refusal::StockOut), "stock_out"),
            (Ending::Refused(Refusal::Throttled), "throttled"),
            (Ending::Refused(Refusal::OutOfPosition), "out_of_position"),
            (Ending::Refused(Refusal::Invalid), "invalid"),
            (Ending::Refused(Refusal::Unimplemented), "unimplemented"),
            (Ending::Refused(Refusal::NotFound), "not_found"),
            (Ending::Refused(Refusal::Fenced), "fenced"),
            (Ending::Refused(Refusal::NoBlob), "no_blob"),
            (Ending::Refused(Refusal::Undone), "undone"),
            (Ending::Refused(Refusal::HeldBack), "held_back"),
        ];
        assert_eq!(endings.map(|(ending, _)| ending.name()), endings.map(|(_, name)| name));
    }
}
