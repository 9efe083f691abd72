//! Many Raft groups in one process, over the storage seam and gRPC.
//!
//! A [`Host`] is a node's share of all its groups: it opens a [`Group`] per replica, answers its peers through one gRPC service, and keeps
//! one channel to each other node for all groups. What a group replicates is a [`StateMachine`].
//!
//! ```text
//!   Group ── openraft ─┬─ LogStore, Fold ── argosy_storage     (log, vote, snapshots; one group commit per node)
//!                      └─ net ── Connect ── tonic              (one stream per ordered pair of nodes)
//! ```
//!
//! Architecture invariant: this crate does not know what a machine is, and no type of openraft leaves it.

mod codec;
mod config;
mod connect;
mod errors;
pub mod evidence;
mod fold;
mod group;
mod host;
mod log_store;
#[cfg(test)]
mod log_suite;
mod machine;
mod members;
mod net;
mod observe;
mod status;
mod types;

pub use argosy_proto::argosy::v1::raft_server::RaftServer;
pub use argosy_storage::{ClusterId, GroupId, InstanceId, NodeId};
pub use config::{Config, Limits, Timing};
pub use connect::{Connect, ConnectError, peer_endpoint};
pub use errors::{MembershipError, OpenError, ProposeError, ReadError, SnapshotError, Stopped};
pub use group::{Committed, Group, Proposal, Read};
pub use host::Host;
pub use machine::{FrozenState, RestoreError, StateMachine};
pub use net::service::{PeerCheck, RaftService};
pub use status::{GroupStatus, Leadership, Members};
