//! What the read and admin services say when they cannot do as asked: a code, and what to do.

use std::fmt::Display;

use argosy_coordinator::{Grounds, Refusal};
use tonic::{Code, Status};

use crate::leader::CommitError;

pub(super) fn unknown_shard<'a>(shard: &str, known: impl Iterator<Item = &'a str>) -> Status {
    let known = known.collect::<Vec<_>>().join(", ");
    Status::not_found(format!("ARG-0650: there is no shard '{shard}'; the shards are {known}"))
}

pub(super) fn no_replica(group: &str, node: &str) -> Status {
    Status::failed_precondition(format!("ARG-0651: {node} has no replica of '{group}'; ask one of its members"))
}

pub(super) fn no_leader() -> Status {
    Status::unavailable("ARG-0652: nobody leads this shard at the moment; try again in a second")
}

pub(super) fn unconfirmed(why: &dyn Display) -> Status {
    Status::unavailable(format!("ARG-0653: this node could not confirm that it leads ({why}); try again in a second"))
}

pub(super) fn unknown_machine(machine: &str) -> Status {
    Status::not_found(format!(
        "ARG-0654: no shard that was asked knows a machine '{machine}'; list them with `argosy machines`"
    ))
}

pub(super) fn bad_page_token() -> Status {
    Status::invalid_argument("ARG-0655: the page token is not one that this service gave out; start again without one")
}

pub(super) fn unknown_node(node: &str) -> Status {
    Status::not_found(format!("ARG-0656: there is no node '{node}' in the configuration of the asked node"))
}

pub(super) fn no_reason() -> Status {
    Status::invalid_argument("ARG-0657: say why in `reason`: it is kept in the audit record")
}

pub(super) fn membership(why: &dyn Display) -> Status {
    Status::failed_precondition(format!("ARG-0658: the members were not changed: {why}"))
}

/// What the fold turned down is known not to have happened; of anything else nobody knows.
pub(super) fn not_committed(why: &CommitError) -> Status {
    if let CommitError::Rejected(rejection) = why {
        return Status::failed_precondition(rejection.to_string());
    }
    outcome_unknown(why)
}

pub(super) fn outcome_unknown(why: &dyn Display) -> Status {
    Status::unavailable(format!(
        "ARG-0659: it is not known to be committed ({why}); look, and try again if it did not happen"
    ))
}

/// What the fold of the directory turned down, in its own words.
pub(super) fn directory(refused: &Refusal) -> Status {
    let code = match refused.grounds() {
        Grounds::Invalid => Code::InvalidArgument,
        Grounds::NotFound => Code::NotFound,
        Grounds::AlreadyExists => Code::AlreadyExists,
        Grounds::InUse => Code::FailedPrecondition,
        Grounds::Unproven => Code::Unauthenticated,
        Grounds::Denied => Code::PermissionDenied,
    };
    Status::new(code, refused.to_string())
}

pub(super) fn bad_setting(why: &str) -> Status {
    Status::invalid_argument(format!("ARG-0660: {why}; nothing was changed"))
}

pub(super) fn snapshot(why: &dyn Display) -> Status {
    Status::internal(format!("ARG-0661: no snapshot was written: {why}"))
}

pub(super) fn not_halted(shard: &str) -> Status {
    Status::failed_precondition(format!("ARG-0662: shard '{shard}' is not halted; there is nothing to resume"))
}

pub(super) fn unknown_pool(pool: &str) -> Status {
    Status::not_found(format!("ARG-1203: this shard has no pool '{pool}'; `argosy pools` lists them"))
}

pub(super) fn unknown_lane(lane: &argosy_shard::LaneName) -> Status {
    Status::not_found(format!(
        "ARG-1209: no machine of this shard is in the lane {lane}; `argosy lane show` lists them"
    ))
}

pub(super) fn bad_percent(percent: f64) -> Status {
    Status::invalid_argument(format!("ARG-1204: {percent} is no utilisation; send a number from 0 to 100"))
}

pub(super) fn not_begun(shard: &str) -> Status {
    Status::unavailable(format!("ARG-0664: shard '{shard}' has not begun yet; try again in a second"))
}

pub(super) fn busy() -> Status {
    Status::resource_exhausted(
        "ARG-0668: this node explains one thing at a time, and others are waiting already; try again in a while",
    )
}

pub(super) fn bad_scenario(why: &dyn Display) -> Status {
    Status::invalid_argument(format!("ARG-0665: the scenario cannot be tried: {why}"))
}

pub(super) fn unknown_need(cluster: &str) -> Status {
    Status::not_found(format!(
        "ARG-0666: no need of cluster '{cluster}' is like that in this shard; list them with `argosy needs`"
    ))
}

pub(super) fn not_explained(why: &dyn Display) -> Status {
    Status::internal(format!("ARG-0667: it could not be worked out: {why}; the shard goes on"))
}

/// What the node that a request was passed on to said. Its own refusals go through as they are; that the connection to it
/// broke is told in our words.
pub(super) fn relayed(status: Status) -> Status {
    if status.message().starts_with("ARG-") {
        return status;
    }
    let why = format!("{:?}: {}", status.code(), status.message());
    Status::unavailable(format!(
        "ARG-0663: the node that leads this shard did not answer ({why}); try again in a second"
    ))
}
