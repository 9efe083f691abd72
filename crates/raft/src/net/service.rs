//! Answers the calls of other nodes: the gRPC service that a server mounts.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use argosy_failpoint::{Failpoint, Planted, fires, pause, planted};
use argosy_proto::argosy::v1::{RaftCall, RaftFrame, RaftSnapshotPart, RaftSnapshotReply, raft_server};
use argosy_storage::{GroupId, Identity, NodeId};
use futures::Stream;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest, VoteResponse};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::wire::{AppendHead, ReplicaState, Transfer, check_greeting, greeting};
use crate::codec;
use crate::group::{Group, Inner};
use crate::host::Replicas;
use crate::types::{ReplicaId, TypeConfig};

/// Answers that wait for a peer to take them.
const ANSWERS_WAITING: usize = 1024;
/// How late an answer may be at a failpoint: about as long as an election takes.
const ANSWERED_LATE: Duration = Duration::from_millis(700);

/// Says whether a connection may speak for a node.
///
/// Where nodes have certificates, this is where the node that a certificate names is held against the one that the peer claims to be.
pub trait PeerCheck: Send + Sync + 'static {
    /// Checks the connection's extensions (certificates, addresses) against the claim.
    ///
    /// # Errors
    /// The status to refuse the peer with.
    fn check(&self, extensions: &tonic::Extensions, claimed: NodeId) -> Result<(), Box<Status>>;
}

/// The Raft service of a node.
pub struct RaftService {
    pub(crate) me: Identity,
    pub(crate) replicas: Arc<Replicas>,
    pub(crate) check: Option<Arc<dyn PeerCheck>>,
}

#[tonic::async_trait]
impl raft_server::Raft for RaftService {
    type ExchangeStream = Pin<Box<dyn Stream<Item = Result<RaftFrame, Status>> + Send>>;

    async fn exchange(&self, request: Request<Streaming<RaftFrame>>) -> Result<Response<Self::ExchangeStream>, Status> {
        let (_, extensions, mut frames) = request.into_parts();
        let first = frames.message().await?;
        let peer = self.admit(&extensions, first.as_ref().and_then(|frame| frame.greeting.as_ref()))?;
        let (answers, outbound) = mpsc::channel(ANSWERS_WAITING);
        let hello = RaftFrame {
            kind: RaftCall::Greeting.into(),
            greeting: Some(greeting(&self.me, peer.node())),
            ..RaftFrame::default()
        };
        answers.send(Ok(hello)).await.map_err(|_| Status::cancelled("the peer left"))?;
        tokio::spawn(answer_calls(self.replicas.clone(), peer, frames, answers));
        Ok(Response::new(Box::pin(ReceiverStream::new(outbound))))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<RaftSnapshotPart>>,
    ) -> Result<Response<RaftSnapshotReply>, Status> {
        let (_, extensions, parts) = request.into_parts();
        let payload = self.receive_snapshot(&extensions, parts).await?;
        Ok(Response::new(RaftSnapshotReply { payload: payload.into() }))
    }
}

impl RaftService {
    /// Checks who a peer says it is, against this node's identity and the peer's certificate.
    pub(super) fn admit(
        &self,
        extensions: &tonic::Extensions,
        greeting: Option<&argosy_proto::argosy::v1::RaftGreeting>,
    ) -> Result<ReplicaId, Status> {
        let peer = check_greeting(&self.me, greeting).map_err(Status::permission_denied)?;
        if let Some(check) = &self.check {
            check.check(extensions, peer.node()).map_err(|status| *status)?;
        }
        Ok(peer)
    }
}

/// Takes calls off a stream. Each is begun in the order of arrival, so that appends stay in order; none holds up the next.
async fn answer_calls(
    replicas: Arc<Replicas>,
    peer: ReplicaId,
    mut frames: Streaming<RaftFrame>,
    answers: mpsc::Sender<Result<RaftFrame, Status>>,
) {
    while let Ok(Some(frame)) = frames.message().await {
        replicas.heard.note();
        let replicas = replicas.clone();
        let mut work = Box::pin(async move {
            let (call, group, kind) = (frame.call, frame.group, frame.kind);
            let (payload, refusal) = match answer(&replicas, peer, frame).await {
                Ok(payload) => (payload, String::new()),
                Err(refusal) => (Vec::new(), refusal),
            };
            RaftFrame { call, group, kind, payload: payload.into(), refusal, ..RaftFrame::default() }
        });
        // The first poll hands the call to the group; only the waiting for its outcome goes on elsewhere.
        if let Poll::Ready(frame) = futures::poll!(&mut work) {
            if answers.send(Ok(frame)).await.is_err() {
                return;
            }
        } else {
            let answers = answers.clone();
            tokio::spawn(async move {
                // The peer may have left meanwhile; it will ask again.
                let _ = answers.send(Ok(work.await)).await;
            });
        }
    }
}

async fn answer(replicas: &Replicas, peer: ReplicaId, frame: RaftFrame) -> Result<Vec<u8>, String> {
    let group = replicas.open_for(GroupId(frame.group), peer)?;
    let raft = group.raft();
    let malformed = |error: io::Error| error.to_string();
    match frame.kind() {
        RaftCall::Append => {
            let (mut head, entries) = codec::decode_with_entries::<AppendHead>(&frame.payload).map_err(malformed)?;
            if planted(Planted::AppliedBeforeCommitted) {
                head.leader_commit = entries.last().map(|entry| entry.log_id).or(head.leader_commit);
            }
            let request = AppendEntriesRequest {
                vote: head.vote,
                prev_log_id: head.prev_log_id,
                leader_commit: head.leader_commit,
                entries,
            };
            let response = raft.append_entries(request).await.map_err(|error| error.to_string())?;
            // A request with an older term is turned down, and says nothing of the leader.
            if !matches!(response, AppendEntriesResponse::HigherVote(_)) {
                group.note_heard();
            }
            if fires(Failpoint::AppendAnswerLost) {
                std::future::pending::<()>().await;
            }
            if let Some(pause) = pause(Failpoint::AppendAnsweredLate, ANSWERED_LATE) {
                tokio::time::sleep(pause).await;
            }
            Ok(codec::encode(&response))
        }
        RaftCall::Vote => {
            let request = codec::decode(&frame.payload).map_err(malformed)?;
            let answer = raft.vote(request).await;
            if let Some(pause) = pause(Failpoint::VoteAnsweredLate, ANSWERED_LATE) {
                tokio::time::sleep(pause).await;
            }
            answer.map(|response| codec::encode(&response)).map_err(|error| error.to_string())
        }
        RaftCall::PreVote => {
            let request = codec::decode(&frame.payload).map_err(malformed)?;
            pre_vote(&group, peer, request).await.map(|response| codec::encode(&response))
        }
        RaftCall::TransferLeader => {
            if fires(Failpoint::TransferIgnored) {
                std::future::pending::<()>().await;
            }
            let transfer: Transfer = codec::decode(&frame.payload).map_err(malformed)?;
            let request = TransferLeaderRequest::new(transfer.from, transfer.to, transfer.last_log_id);
            raft.handle_transfer_leader(request)
                .await
                .map(|response| codec::encode(&response))
                .map_err(|error| error.to_string())
        }
        RaftCall::Inquire if fires(Failpoint::InquiryRefused) => Err("ARG-0315: the group is not open yet".to_owned()),
        RaftCall::Inquire => Ok(codec::encode(&ReplicaState { has_members: group.has_members() })),
        RaftCall::Unspecified | RaftCall::Greeting => {
            Err("ARG-0314: a call of an unknown kind; is the peer of a later version?".to_owned())
        }
    }
}

/// Whether this replica would vote for a peer; see [`Canvass`](super::canvass::Canvass) for when it would rather stand itself.
async fn pre_vote(
    group: &Group,
    peer: ReplicaId,
    request: VoteRequest<TypeConfig>,
) -> Result<VoteResponse<TypeConfig>, String> {
    let Inner { me, reach, timing, .. } = &*group.inner;
    let last_asked = request.last_log_id;
    let response = group.raft().pre_vote(request).await.map_err(|error| error.to_string())?;
    if response.vote_granted && fires(Failpoint::PreVoteRefused) {
        return Ok(VoteResponse { vote_granted: false, ..response });
    }
    let has_no_better_claim = *me < peer && last_asked <= response.last_log_id;
    if response.vote_granted && has_no_better_claim && reach.canvass.turns_down(Instant::now(), timing) {
        return Ok(VoteResponse { vote_granted: false, ..response });
    }
    Ok(response)
}
