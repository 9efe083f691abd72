//! Takes a snapshot in, chunk by chunk, straight to the disk; it becomes current only if Raft accepts it.

use std::time::Duration;

use argosy_failpoint::{Failpoint, pause};
use argosy_proto::argosy::v1::raft_snapshot_part::Part;
use argosy_proto::argosy::v1::{RaftSnapshotChunk, RaftSnapshotHead, RaftSnapshotPart};
use argosy_storage::{CHUNK_BYTES, GroupId, GroupStore, Snapshot, SnapshotWriter, StorageError};
use tonic::{Status, Streaming};

use super::service::RaftService;
use super::wire::SnapshotHead;
use crate::codec;
use crate::fold::finished;

impl RaftService {
    /// Receives and installs one snapshot, and returns the encoded answer.
    pub(super) async fn receive_snapshot(
        &self,
        extensions: &tonic::Extensions,
        mut parts: Streaming<RaftSnapshotPart>,
    ) -> Result<Vec<u8>, Status> {
        let Some(RaftSnapshotPart { part: Some(Part::Head(head)) }) = parts.message().await? else {
            return Err(Status::invalid_argument("ARG-0316: a snapshot begins with its head"));
        };
        let peer = self.admit(extensions, head.greeting.as_ref())?;
        if head.to_instance != self.me.instance.0 {
            return Err(Status::failed_precondition(format!(
                "ARG-0307: node {} has another data directory than the member that is meant; remove the member, then add the node again",
                self.me.node
            )));
        }
        let group = self.replicas.open_for(GroupId(head.group), peer).map_err(Status::unavailable)?;
        let about: SnapshotHead =
            codec::decode(&head.payload).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let snapshot = spool(group.store(), &head, &about, &mut parts).await?;
        metrics::counter!("argosy_raft_snapshots_received").increment(1);
        if let Some(pause) = pause(Failpoint::SnapshotInstalledLate, Duration::from_secs(3)) {
            tokio::time::sleep(pause).await;
        }
        let snapshot = openraft::alias::SnapshotOf::<crate::types::TypeConfig, Snapshot> { meta: about.meta, snapshot };
        let answer = group.raft().install_full_snapshot(about.vote, snapshot).await;
        answer.map(|answer| codec::encode(&answer)).map_err(|fatal| Status::unavailable(fatal.to_string()))
    }
}

/// Writes the chunks, checked, until all announced bytes are there.
async fn spool(
    store: &GroupStore,
    head: &RaftSnapshotHead,
    about: &SnapshotHead,
    parts: &mut Streaming<RaftSnapshotPart>,
) -> Result<Snapshot, Status> {
    let mut writer = store.write_snapshot();
    let mut received = 0;
    while let Some(part) = parts.message().await? {
        let Some(Part::Chunk(chunk)) = part.part else {
            return Err(Status::invalid_argument("ARG-0316: a snapshot has one head"));
        };
        check(&chunk)?;
        received += chunk.data.len() as u64;
        if received > head.bytes {
            return Err(Status::invalid_argument("ARG-0316: the snapshot is longer than announced"));
        }
        writer = push(store.may_block(), writer, chunk).await?;
    }
    if received != head.bytes {
        return Err(Status::data_loss(format!(
            "ARG-0316: the snapshot ended after {received} of {} bytes; it will be sent again",
            head.bytes
        )));
    }
    let meta = codec::encode(&about.meta);
    finished(|done| writer.finish(&meta, done)).await.map_err(|error| Status::unavailable(error.to_string()))
}

fn check(chunk: &RaftSnapshotChunk) -> Result<(), Status> {
    if chunk.data.is_empty() || chunk.data.len() > CHUNK_BYTES {
        return Err(Status::invalid_argument("ARG-0316: a chunk has 1 byte to 1 MiB"));
    }
    if crc32c::crc32c(&chunk.data) != chunk.crc32c {
        return Err(Status::data_loss("ARG-0316: a chunk does not match its checksum; it will be sent again"));
    }
    Ok(())
}

/// Pushing may wait for the disk, so it is done where waiting is allowed.
async fn push(may_block: bool, mut writer: SnapshotWriter, chunk: RaftSnapshotChunk) -> Result<SnapshotWriter, Status> {
    let work = move || -> Result<SnapshotWriter, StorageError> {
        writer.push_chunk(&chunk.data)?;
        Ok(writer)
    };
    let pushed = if may_block {
        tokio::task::spawn_blocking(work).await.map_err(|error| Status::internal(error.to_string()))?
    } else {
        work()
    };
    pushed.map_err(|error| Status::unavailable(error.to_string()))
}
