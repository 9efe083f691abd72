//! Sends a snapshot to a member, chunk by chunk, on a stream of its own so that it never holds up a heartbeat.

use std::time::Duration;

use argosy_failpoint::{Failpoint, fires};
use argosy_proto::argosy::v1::raft_client::RaftClient;
use argosy_proto::argosy::v1::raft_snapshot_part::Part;
use argosy_proto::argosy::v1::{RaftSnapshotChunk, RaftSnapshotHead, RaftSnapshotPart};
use argosy_storage::Snapshot;
use openraft::errors::{StreamingError, Unreachable};
use openraft::raft::SnapshotResponse;

use super::client::Client;
use super::wire::{self, MESSAGE_BYTES, greeting};
use crate::codec;
use crate::types::{TypeConfig, Vote};

/// A snapshot must be through within this time, and a second more for each megabyte.
const BASE_DEADLINE: Duration = Duration::from_secs(30);

type RaftSnapshot = openraft::alias::SnapshotOf<TypeConfig, Snapshot>;

impl Client {
    pub(super) async fn send_snapshot(
        &self,
        vote: Vote,
        snapshot: RaftSnapshot,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let Some(channel) = self.link.channel() else {
            return Err(unreachable("there is no connection"));
        };
        let bytes = snapshot.snapshot.bytes();
        let head = RaftSnapshotHead {
            greeting: Some(greeting(&self.identity, self.target.node())),
            group: self.group.0,
            to_instance: self.target.instance,
            bytes,
            payload: codec::encode(&wire::SnapshotHead { vote, meta: snapshot.meta }).into(),
        };
        let parts = parts(head, snapshot.snapshot);
        let mut client =
            RaftClient::new(channel).max_decoding_message_size(MESSAGE_BYTES).max_encoding_message_size(MESSAGE_BYTES);
        let deadline = BASE_DEADLINE + Duration::from_secs(bytes / (1024 * 1024));
        metrics::counter!("argosy_raft_snapshots_sent").increment(1);
        let reply = tokio::time::timeout(deadline, client.install_snapshot(parts))
            .await
            .map_err(|_| unreachable(format!("the snapshot was not through within {deadline:?}")))?
            .map_err(|status| unreachable(status.message()))?;
        codec::decode(&reply.into_inner().payload).map_err(|error| unreachable(error.to_string()))
    }
}

fn unreachable(reason: impl ToString) -> StreamingError<TypeConfig> {
    StreamingError::Unreachable(Unreachable::from_string(reason))
}

/// The head, then every chunk. A chunk that cannot be read ends the stream early, and the receiver sees that bytes are missing.
fn parts(head: RaftSnapshotHead, snapshot: Snapshot) -> impl futures::Stream<Item = RaftSnapshotPart> + Send + 'static {
    let head = futures::stream::once(std::future::ready(RaftSnapshotPart { part: Some(Part::Head(head)) }));
    let chunks = futures::stream::unfold((snapshot, 0), |(snapshot, number)| async move {
        if number == snapshot.chunks() || fires(Failpoint::SnapshotBrokenOff) {
            return None;
        }
        match snapshot.chunk(number) {
            Ok(data) => {
                let crc32c = crc32c::crc32c(&data);
                let part = RaftSnapshotPart { part: Some(Part::Chunk(RaftSnapshotChunk { data, crc32c })) };
                Some((part, (snapshot, number + 1)))
            }
            Err(error) => {
                tracing::error!(%error, "a snapshot cannot be sent");
                None
            }
        }
    });
    futures::StreamExt::chain(head, chunks)
}
