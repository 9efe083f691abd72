//! What is asked of a provider, and the fence it is asked under.

use std::collections::BTreeMap;
use std::sync::Arc;

use argosy_proto::argosy::v1::OperationTag;
use bytes::Bytes;
use thiserror::Error;

use crate::contract::{Ask, Call, Token};

/// The token that orders the attempts of one shard on one machine: a provider acts only under a token strictly newer,
/// by (epoch, sequence), than every one that it has seen from that shard for that machine.
///
/// It is never the zero token, which stock providers let through unfenced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    shard: Arc<str>,
    epoch: i64,
    sequence: i64,
}

/// Why numbers make no fence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FenceError {
    /// Providers keep their marks by shard.
    #[error("a fence needs the id of its shard")]
    NoShard,
    /// Zero is the token of those who do not fence; negative numbers are out of the protocol.
    #[error("a fence needs an epoch and a sequence of at least 1, not ({epoch}, {sequence})")]
    NotPositive {
        /// The epoch given.
        epoch: i64,
        /// The sequence given.
        sequence: i64,
    },
}

impl Fence {
    /// The fence of an attempt: its shard, the restore generation and term of its log entry as the epoch, its index as the sequence.
    pub fn new(shard: impl Into<Arc<str>>, epoch: i64, sequence: i64) -> Result<Self, FenceError> {
        let shard = shard.into();
        if shard.is_empty() {
            return Err(FenceError::NoShard);
        }
        if epoch < 1 || sequence < 1 {
            return Err(FenceError::NotPositive { epoch, sequence });
        }
        Ok(Self { shard, epoch, sequence })
    }

    /// Whose fence it is.
    #[must_use]
    pub fn shard(&self) -> &str {
        &self.shard
    }

    /// The major part.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The minor part.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.sequence
    }
}

/// Names the committed operation and the try at it, for the ledger of a provider that keeps one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// The same over every try.
    pub operation: String,
    /// From 1.
    pub attempt: u32,
}

impl Tag {
    fn into_wire(self) -> OperationTag {
        OperationTag { operation: self.operation, attempt: self.attempt }
    }
}

/// What is to happen to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// A slot becomes a host.
    Create,
    /// An idle host joins a cluster.
    Configure {
        /// Which cluster.
        cluster_id: String,
        /// User data for the node's first boot.
        bootstrap_blob: Bytes,
        /// Kept by the provider and shown again until the binding ends.
        shard_metadata: BTreeMap<String, String>,
    },
    /// A host leaves its cluster.
    Drain {
        /// How long its workload may take to go.
        grace_period_seconds: u32,
    },
    /// An idle host is given back.
    Delete,
}

/// One attempt at one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// On which machine.
    pub machine_id: String,
    /// What.
    pub mutation: Mutation,
    /// Under which fence; fresh for every attempt.
    pub fence: Fence,
    /// For the ledger; stock providers ignore it.
    pub tag: Option<Tag>,
}

impl Order {
    /// The order as providers hear it.
    pub(super) fn into_call(self) -> Call {
        let ask = match self.mutation {
            Mutation::Create => Ask::Create,
            Mutation::Configure { cluster_id, bootstrap_blob, shard_metadata } => {
                Ask::Configure { cluster: cluster_id, metadata: shard_metadata, blob: bootstrap_blob }
            }
            Mutation::Drain { grace_period_seconds } => Ask::Drain { grace_s: i64::from(grace_period_seconds) },
            Mutation::Delete => Ask::Delete,
        };
        let Fence { shard, epoch, sequence } = self.fence;
        let token = Token { shard: shard.to_string(), epoch, sequence };
        Call { machine_id: self.machine_id, ask, token, tag: self.tag.map(Tag::into_wire).unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_never_the_token_that_bypasses_fencing() {
        assert_eq!(Fence::new("", 1, 1), Err(FenceError::NoShard));
        for (epoch, sequence) in [(0, 0), (0, 1), (1, 0), (-1, 5)] {
            assert_eq!(Fence::new("s", epoch, sequence), Err(FenceError::NotPositive { epoch, sequence }));
        }
        assert!(Fence::new("s", 1, 1).is_ok());
    }
}
