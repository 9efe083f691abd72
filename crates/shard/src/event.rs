//! Events: what an entry changed, for the leader's runtime. They are not stored: a new leader rebuilds what it needs
//! from the state.

use argosy_model::{ClusterIx, MachineIx, State};
use argosy_repair::{Class, Domain};

use crate::audit::AuditRecord;
use crate::lanes::{BreakerState, Lane};
use crate::operation::{Ending, Kind, OperationId, Step};
use crate::response::{Rejection, Response};

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A machine was adopted, or its state, holder, host or error text changed.
    MachineChanged {
        /// Which.
        machine: MachineIx,
        /// The state before; `None` if it is new.
        from: Option<State>,
        /// The state now.
        to: State,
        /// The cluster to be told: the holder, or whoever held it before this change.
        cluster: Option<ClusterIx>,
    },
    /// A machine is gone for good, and its slot is free.
    MachineRemoved {
        /// Its id.
        id: String,
        /// The state before.
        from: State,
        /// The cluster to be told.
        cluster: Option<ClusterIx>,
    },
    /// An operation was opened; its first attempt is to be made.
    OperationOpened(OperationId),
    /// A new attempt at an operation is to be made: a retry, a take-over, or the next step of a provision.
    AttemptOpened(OperationId),
    /// The provider has accepted an operation's attempt.
    AttemptAccepted(OperationId),
    /// An operation has ended.
    OperationClosed {
        /// Which.
        id: OperationId,
        /// What was decided.
        kind: Kind,
        /// The step that it was at.
        step: Step,
        /// On which machine; the slot may be free by now.
        machine: MachineIx,
        /// How it ended.
        ending: Ending,
        /// Milliseconds from decision to end.
        took_ms: u64,
    },
    /// A provider refused a fence: somebody else acts on the machine.
    Fenced(OperationId),
    /// A cluster's demand was replaced.
    RollUpAccepted {
        /// Whose.
        cluster: ClusterIx,
        /// Rows that are new or changed.
        put: u32,
        /// Rows that are gone.
        withdrawn: u32,
    },
    /// A roll-up was held back (ARG-0413).
    RollUpHeldBack {
        /// Whose.
        cluster: ClusterIx,
        /// How many such reports in a row there have been.
        times: u8,
    },
    /// A machine's repair has begun, has moved on, or is over.
    RepairMoved {
        /// Which machine; the slot may be free by now.
        machine: MachineIx,
        /// What is done.
        class: Class,
        /// Where the repair is now, or how it ended.
        to: &'static str,
    },
    /// A breaker of repairs has opened: nothing of its domain is admitted until it is closed.
    BreakerOpened {
        /// Where.
        domain: Domain,
        /// Machines that were found unfit within its window.
        found: u32,
        /// Machines of the domain.
        of: u32,
    },
    /// A lane's breaker has opened, closed, or lets a probe through.
    LaneMoved {
        /// Which lane.
        lane: Lane,
        /// Where its breaker stands now.
        to: BreakerState,
    },
    /// Policy, rails or limits have changed.
    SettingsChanged,
    /// An admin's act, to be kept in the audit store.
    Audited(Box<AuditRecord>),
    /// The shard has halted: nothing but an admin's resume changes it from now on.
    Halted,
}

/// What folding one entry gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// For the proposer.
    pub response: Response,
    /// For the leader's runtime.
    pub events: Vec<Event>,
}

impl Applied {
    pub(crate) fn rejected(rejection: Rejection) -> Self {
        Self { response: Response::Rejected(rejection), events: Vec::new() }
    }
}
