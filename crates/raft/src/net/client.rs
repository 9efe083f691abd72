//! Raft's calls to one member of one group, over the link to its node.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::RaftCall;
use argosy_storage::{GroupId, Snapshot};
use bytes::Bytes;
use futures::Stream;
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::impls::EmptyNode;
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use serde::de::DeserializeOwned;

use super::Reach;
use super::canvass::Canvass;
use super::foresight::Foresight;
use super::link::{CallError, Link};
use super::pipeline;
use super::wire::{AppendHead, Transfer};
use crate::codec;
use crate::log_store::LogStore;
use crate::types::{ReplicaId, TypeConfig, Vote};

/// Makes the clients of one group.
pub(crate) struct Network {
    pub(crate) reach: Reach,
    pub(crate) group: GroupId,
    pub(crate) log: LogStore,
    /// How long an append with entries may take; heartbeats have the shorter budget that Raft gives them.
    pub(crate) append_deadline: Duration,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Client;

    async fn new_client(&mut self, target: ReplicaId, _: &EmptyNode) -> Client {
        let Reach { links, canvass, foresight } = &self.reach;
        let me = links.me();
        Client {
            me: ReplicaId::new(me.node, me.instance),
            target,
            group: self.group,
            link: links.to(target.node()),
            identity: me.clone(),
            append_deadline: self.append_deadline,
            canvass: canvass.clone(),
            foresight: foresight.clone(),
            log: self.log.clone(),
        }
    }
}

/// Speaks to one member.
pub(crate) struct Client {
    me: ReplicaId,
    pub(super) target: ReplicaId,
    pub(super) group: GroupId,
    pub(super) link: Arc<Link>,
    pub(super) identity: argosy_storage::Identity,
    append_deadline: Duration,
    canvass: Arc<Canvass>,
    foresight: Arc<Foresight>,
    log: LogStore,
}

impl Client {
    /// The answer to an append that the member need not be asked for.
    pub(super) fn foreseen(
        &self,
        request: &AppendEntriesRequest<TypeConfig>,
    ) -> Option<StreamAppendResult<TypeConfig>> {
        self.foresight.answer(self.target, request, |id| self.log.has(id))
    }

    /// Queues an append at once, and returns what to await.
    pub(super) fn append(
        &self,
        request: &AppendEntriesRequest<TypeConfig>,
        option: &RPCOption,
    ) -> impl Future<Output = Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>>> + Send + use<> {
        if !request.entries.is_empty() {
            self.foresight.sent(self.target, request.vote);
        }
        let head =
            AppendHead { vote: request.vote, prev_log_id: request.prev_log_id, leader_commit: request.leader_commit };
        let payload = codec::encode_with_entries(&head, &request.entries);
        let deadline = if request.entries.is_empty() { option.hard_ttl() } else { self.append_deadline };
        self.call(RaftCall::Append, RPCTypes::AppendEntries, payload, deadline)
    }

    fn call<T: DeserializeOwned>(
        &self,
        kind: RaftCall,
        action: RPCTypes,
        payload: Bytes,
        deadline: Duration,
    ) -> impl Future<Output = Result<T, RPCError<TypeConfig>>> + Send + use<T> {
        let answer = self.link.call(self.group, kind, payload, Some(self.target.instance()), deadline);
        let (me, target) = (self.me, self.target);
        async move {
            let (_, payload) = answer.await.map_err(|error| match error {
                CallError::Deadline(_, timeout) => RPCError::Timeout(Timeout { action, id: me, target, timeout }),
                unreachable => RPCError::Unreachable(Unreachable::new(&unreachable)),
            })?;
            codec::decode(&payload).map_err(|error: io::Error| RPCError::Unreachable(Unreachable::new(&error)))
        }
    }
}

impl RaftNetworkV2<TypeConfig> for Client {
    type SnapshotData = Snapshot;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.append(&rpc, &option).await
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>, RPCError<TypeConfig>>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(std::future::ready(Ok(pipeline::stream_append(self, input, option))))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let answer = self.call(RaftCall::Vote, RPCTypes::Vote, codec::encode(&rpc).into(), option.hard_ttl());
        let answer: VoteResponse<TypeConfig> = answer.await?;
        if answer.vote_granted {
            self.foresight.granted(self.target, rpc.vote, answer.last_log_id);
        }
        Ok(answer)
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.canvass.begin(tokio::time::Instant::now());
        self.call(RaftCall::PreVote, RPCTypes::Vote, codec::encode(&rpc).into(), option.hard_ttl()).await
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let transfer = Transfer {
            from: *request.from_leader(),
            to: *request.to_node_id(),
            last_log_id: request.last_log_id().copied(),
        };
        self.call(
            RaftCall::TransferLeader,
            RPCTypes::TransferLeader,
            codec::encode(&transfer).into(),
            option.hard_ttl(),
        )
        .await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: openraft::alias::SnapshotOf<TypeConfig, Snapshot>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        self.foresight.sent(self.target, vote);
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            answer = self.send_snapshot(vote, snapshot) => answer,
        }
    }
}
