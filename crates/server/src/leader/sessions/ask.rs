//! What the actuator asks of operators: bootstrap blobs before a machine is configured, reclaims before one is drained.

use argosy_failpoint::{Failpoint, fires};
use argosy_proto::bigfleet::v1alpha1::shard_message::Message as FromShard;
use argosy_proto::bigfleet::v1alpha1::{
    BootstrapBlobResponse, BootstrapRequest, ReclaimAck, ReclaimInstruction, ShardMessage,
};
use bytes::Bytes;
use tokio::time::{Duration, timeout};

use super::Hub;
use crate::session::{Frame, Reply};

/// Why there is no bootstrap blob.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBlob {
    /// The operator said why.
    #[error("the cluster's operator cannot supply a bootstrap blob: {0}")]
    Refused(String),
    /// No operator answered, or none was connected.
    #[error("no bootstrap blob within {0:?}: is the cluster's operator connected?")]
    Late(Duration),
}

/// What came of a reclaim instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaimed {
    /// The operator has cordoned and begun to evict.
    Started {
        /// How many nodes it began with.
        nodes: i32,
    },
    /// No operator is connected: there is nobody to wait for.
    NoSession,
    /// The operator did not answer in time.
    Silent,
}

impl Hub {
    /// Asks a cluster for a bootstrap blob; over whatever session it has, or gets, within the limit.
    ///
    /// # Errors
    /// When the operator refuses, or does not answer in time.
    pub async fn request_blob(&self, request: BootstrapRequest, limit: Duration) -> Result<Bytes, NoBlob> {
        let (id, cluster) = (request.request_id.clone(), request.cluster_id.clone());
        let message = ShardMessage { message: Some(FromShard::BootstrapRequest(request)) };
        let mut asked = self.blobs.ask(id, &cluster, message.clone());
        if !fires(Failpoint::QuestionUntold) {
            self.tell(&cluster, Frame { message: Some(message), settled: 0 });
        }
        match timeout(limit, asked.answered()).await {
            Ok(Some(BootstrapBlobResponse { user_data, error, .. })) if error.is_empty() => Ok(user_data),
            Ok(Some(BootstrapBlobResponse { error, .. })) => Err(NoBlob::Refused(error)),
            Ok(None) | Err(_) => Err(NoBlob::Late(limit)),
        }
    }

    /// Tells a cluster to drain nodes, and waits until it has begun. Its silence must not keep a machine for ever: the
    /// caller drains in any case.
    pub async fn instruct_reclaim(&self, cluster: &str, instruction: ReclaimInstruction, limit: Duration) -> Reclaimed {
        let id = instruction.instruction_id.clone();
        let message = ShardMessage { message: Some(FromShard::ReclaimInstruction(instruction)) };
        let mut asked = self.reclaims.ask(id, cluster, message.clone());
        if !self.tell(cluster, Frame { message: Some(message), settled: 0 }) {
            return Reclaimed::NoSession;
        }
        match timeout(limit, asked.answered()).await {
            Ok(Some(nodes)) => Reclaimed::Started { nodes },
            Ok(None) | Err(_) => Reclaimed::Silent,
        }
    }

    /// Passes an operator's reply to whoever waits for it.
    pub(super) fn answered(&self, cluster: &str, reply: Reply) {
        let (id, awaited) = match reply {
            Reply::Bootstrap(blob) => {
                let id = blob.request_id.clone();
                let awaited = self.blobs.answer(cluster, &id, blob);
                (id, awaited)
            }
            Reply::Reclaim(ReclaimAck { instruction_id, nodes_started }) => {
                let awaited = self.reclaims.answer(cluster, &instruction_id, nodes_started);
                (instruction_id, awaited)
            }
        };
        if !awaited {
            tracing::debug!(shard = %self.shard, cluster, id, "a reply that nobody waits for");
        }
    }
}
