//! The coded statuses with which a session is refused or ended.

use tonic::Status;

/// The node is going down.
pub(super) fn closing() -> Status {
    Status::unavailable("ARG-0607: this node is shutting down; connect to another one")
}

/// Nobody led the shard for too long.
pub(super) fn leaderless(reason: &str) -> Status {
    Status::unavailable(format!(
        "ARG-0606: no leader of the shard can be reached from this node ({reason}); connect to another node"
    ))
}

/// The first message was no greeting, or an empty one.
pub(super) fn no_greeting() -> Status {
    Status::invalid_argument("ARG-0604: the first message of a session must be a Hello with a cluster_id")
}

/// No greeting came in time.
pub(super) fn late_greeting() -> Status {
    Status::deadline_exceeded("ARG-0604: no Hello came in time; send it as soon as the stream is open")
}

/// A session speaks for one cluster only.
pub(super) fn other_cluster(cluster: &str, other: &str) -> Status {
    Status::invalid_argument(format!(
        "ARG-0604: this session speaks for cluster '{cluster}', not for '{other}'; open a session for each cluster"
    ))
}

/// The node holds as many sessions as it may.
pub(super) fn full(limit: u32) -> Status {
    Status::resource_exhausted(format!(
        "ARG-0605: this node holds its limit of {limit} sessions; connect to another node, or raise sessions.max_sessions"
    ))
}

/// The cluster belongs to no shard.
pub(crate) fn unbound(cluster: &str) -> Status {
    Status::not_found(format!(
        "ARG-0601: cluster '{cluster}' is bound to no shard; add it to a shard's `clusters` in the placement"
    ))
}
