//! One mutation as it came over the wire, and what can be wrong with it whatever the machine.

use std::collections::BTreeMap;

use argosy_proto::argosy::v1::OperationTag;
use argosy_proto::bigfleet::v1alpha1 as api;
use bytes::Bytes;

use super::{Kind, Refused, Token};

const MAX_METADATA_BYTES: usize = 256 * 1024;
const MAX_BLOB_BYTES: usize = 4 * 1024 * 1024;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A host behind a slot.
    Create,
    /// A host for a cluster.
    Configure {
        /// Which cluster.
        cluster: String,
        /// To be kept beside the binding and shown.
        metadata: BTreeMap<String, String>,
        /// User data for the node's first boot.
        blob: Bytes,
    },
    /// A host back from its cluster.
    Drain {
        /// How long its workload may take to leave, seconds.
        grace_s: i64,
    },
    /// A host given back.
    Delete,
}

/// One mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Of which machine.
    pub machine_id: String,
    /// What.
    pub ask: Ask,
    /// Under which fence.
    pub token: Token,
    /// The caller's operation and attempt.
    pub tag: OperationTag,
}

impl Ask {
    /// The transition that it asks for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Create => Kind::Create,
            Self::Configure { .. } => Kind::Configure,
            Self::Drain { .. } => Kind::Drain,
            Self::Delete => Kind::Delete,
        }
    }

    /// What is wrong with the request itself.
    #[must_use]
    pub fn flaw(&self) -> Option<Refused> {
        let flaw = match self {
            Self::Configure { cluster, .. } if cluster.is_empty() => Some("cluster_id must not be empty"),
            Self::Configure { blob, .. } if blob.len() > MAX_BLOB_BYTES => Some("bootstrap_blob is over 4 MiB"),
            Self::Configure { metadata, .. } => {
                let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
                (bytes > MAX_METADATA_BYTES).then_some("shard_metadata is over 256 KiB")
            }
            Self::Drain { grace_s } if *grace_s < 0 => Some("grace_period_seconds must not be negative"),
            Self::Create | Self::Drain { .. } | Self::Delete => None,
        };
        flaw.map(Refused::Invalid)
    }
}

impl Call {
    /// What is wrong before anything is looked up: no machine named, or a token that is none.
    pub fn check(&self, allow_unfenced: bool) -> Result<(), Refused> {
        if self.machine_id.is_empty() {
            return Err(Refused::Invalid("machine_id must not be empty"));
        }
        let token = &self.token;
        if token.is_zero() {
            let refusal =
                Refused::Invalid("the zero token is refused; start the provider with --allow-unfenced to let it pass");
            return if allow_unfenced { Ok(()) } else { Err(refusal) };
        }
        if token.epoch < 0 || token.sequence < 0 {
            return Err(Refused::Invalid("shard_epoch and sequence_number must not be negative"));
        }
        if token.shard.is_empty() {
            return Err(Refused::Invalid("a fence needs a shard_id"));
        }
        Ok(())
    }
}

fn call(machine_id: String, ask: Ask, fence: (String, i64, i64), tag: Option<OperationTag>) -> Call {
    let token = Token { shard: fence.0, epoch: fence.1, sequence: fence.2 };
    Call { machine_id, ask, token, tag: tag.unwrap_or_default() }
}

impl From<api::CreateRequest> for Call {
    fn from(ask: api::CreateRequest) -> Self {
        call(ask.machine_id, Ask::Create, (ask.shard_id, ask.shard_epoch, ask.sequence_number), ask.argosy)
    }
}

impl From<api::ConfigureRequest> for Call {
    fn from(ask: api::ConfigureRequest) -> Self {
        let fence = (ask.shard_id, ask.shard_epoch, ask.sequence_number);
        let configure =
            Ask::Configure { cluster: ask.cluster_id, metadata: ask.shard_metadata, blob: ask.bootstrap_blob };
        call(ask.machine_id, configure, fence, ask.argosy)
    }
}

impl From<api::DrainRequest> for Call {
    fn from(ask: api::DrainRequest) -> Self {
        let drain = Ask::Drain { grace_s: ask.grace_period_seconds };
        call(ask.machine_id, drain, (ask.shard_id, ask.shard_epoch, ask.sequence_number), ask.argosy)
    }
}

impl From<api::DeleteRequest> for Call {
    fn from(ask: api::DeleteRequest) -> Self {
        call(ask.machine_id, Ask::Delete, (ask.shard_id, ask.shard_epoch, ask.sequence_number), ask.argosy)
    }
}
