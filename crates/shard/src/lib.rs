//! The replicated state of a shard: commands, the fold, snapshots, rails, the ledger of operations.
//!
//! Everything that changes a shard comes as a [`Command`] through its Raft log; [`ShardState::apply`] folds it in, the same
//! on every replica. It does no I/O, reads no clock and draws no random number. A plan of the engine becomes operations
//! here; what providers, clusters and admins say becomes state here; and what a leader proposes it makes with the pure
//! functions of [`propose`].
//!
//! **What is deliberately absent:** Raft, gRPC, provider clients, sessions. The crate above carries commands in and
//! events out.

pub mod audit;
pub mod command;
pub mod consolidation;
pub mod cooling;
pub mod counters;
pub mod digest;
pub mod echo;
pub mod event;
mod fold;
pub mod health;
mod judge;
pub mod lanes;
pub mod ledger;
pub mod need_row;
pub mod observed;
pub mod operation;
pub mod ownership;
mod plant;
pub mod pools;
pub mod profiles;
pub mod propose;
mod rails;
pub mod repairs;
pub mod response;
pub mod settings;
mod settled;
mod shapes;
pub mod snapshot;
pub mod state;

pub use audit::AuditRecord;
pub use command::{By, Command, Envelope, Genesis, Observe, Outcome, PlanEntry, Report, RollUp};
pub use consolidation::{BudgetView, ChurnWindow, ConsolidationBook};
pub use counters::Counters;
pub use digest::Digest;
pub use event::{Applied, Event};
pub use health::{HealthBook, HealthPolicy, HealthUpdate, HealthVerdict, KeptHealth};
pub use lanes::{BreakerState, Lane, LaneBook, LaneName, LaneRecord, LaneView, PassedBy};
pub use ledger::Ledger;
pub use need_row::{NeedRow, RequirementRow, SpreadRow};
pub use observed::{Listing, Observed, ObservedMachine, ObservedShape};
pub use operation::{Attempt, Call, Ending, Fence, Kind, Operation, OperationId, Progress, Refusal, Step, Verb};
pub use ownership::Ownership;
pub use pools::Pool;
pub use propose::{ObservationDiff, Rehearsed};
pub use repairs::{RepairBook, RepairOrder, Repairs};
pub use response::{DropReason, PlanTaken, Rejection, Response, RollUpTaken};
pub use settings::{OperationLimits, Settings};
pub use snapshot::SnapshotError;
pub use state::{ClusterBook, Halt, ReclaimWindow, STATE_VERSION, ShardState};
