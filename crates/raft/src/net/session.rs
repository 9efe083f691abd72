//! One connected life of a link: calls out, answers in, matched by number.

use std::collections::HashMap;
use std::sync::Arc;

use argosy_failpoint::{Failpoint, fires};
use argosy_proto::argosy::v1::raft_client::RaftClient;
use argosy_proto::argosy::v1::{RaftCall, RaftFrame};
use argosy_storage::{Identity, InstanceId, NodeId};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use super::heard::Heard;
use super::link::{CALLS_WAITING, Call, CallError};
use super::wire::{MESSAGE_BYTES, check_greeting, greeting};
use crate::types::ReplicaId;

/// Above this many open calls, those whose callers gave up are swept out.
const SWEEP_ABOVE: usize = 1024;

type Reply = oneshot::Sender<Result<(InstanceId, Bytes), CallError>>;

/// An open stream to a peer that has said who it is.
pub(super) struct Session {
    target: NodeId,
    peer: ReplicaId,
    out: mpsc::Sender<RaftFrame>,
    answers: Streaming<RaftFrame>,
    heard: Arc<Heard>,
    open: HashMap<u64, Reply>,
    last_call: u64,
}

impl Session {
    pub(super) async fn open(
        channel: Channel,
        target: NodeId,
        me: &Identity,
        heard: &Arc<Heard>,
    ) -> Result<Self, String> {
        let (out, frames) = mpsc::channel(CALLS_WAITING);
        let first =
            RaftFrame { kind: RaftCall::Greeting.into(), greeting: Some(greeting(me, target)), ..RaftFrame::default() };
        out.try_send(first).map_err(|error| error.to_string())?;
        let mut client =
            RaftClient::new(channel).max_decoding_message_size(MESSAGE_BYTES).max_encoding_message_size(MESSAGE_BYTES);
        let response = client.exchange(ReceiverStream::new(frames)).await.map_err(|status| status.to_string())?;
        let mut answers = response.into_inner();
        let first = answers.message().await.map_err(|status| status.message().to_owned())?;
        let peer = check_greeting(me, first.as_ref().and_then(|frame| frame.greeting.as_ref()))?;
        if peer.node() != target {
            return Err(format!(
                "ARG-0317: the address of node {target} leads to node {}; correct the address",
                peer.node
            ));
        }
        heard.note();
        Ok(Self { target, peer, out, answers, heard: heard.clone(), open: HashMap::new(), last_call: 0 })
    }

    /// Carries calls until the stream breaks or there are no more callers, and says why it ended.
    pub(super) async fn serve(mut self, first: Call, queue: &mut mpsc::Receiver<Call>) -> String {
        let mut next = Some(first);
        loop {
            if let Some(call) = next.take()
                && !self.send(call)
            {
                return "the stream is closed".to_owned();
            }
            if fires(Failpoint::LinkBroken) {
                return "a failpoint broke it".to_owned();
            }
            tokio::select! {
                biased;
                answer = self.answers.message() => match answer {
                    Ok(Some(frame)) => {
                        self.heard.note();
                        self.answer(frame);
                    }
                    Ok(None) => return "the peer ended the stream".to_owned(),
                    Err(status) => return status.to_string(),
                },
                call = queue.recv() => match call {
                    Some(call) => next = Some(call),
                    None => return "this node is shutting down".to_owned(),
                },
            }
        }
    }

    fn send(&mut self, call: Call) -> bool {
        if call.reply.is_closed() {
            return true;
        }
        if call.expected.is_some_and(|expected| expected != self.peer.instance()) {
            let reason = format!(
                "ARG-0307: it has another data directory (instance {}) than the member it was; remove the member, then add the node again",
                self.peer.instance()
            );
            let _ = call.reply.send(Err(CallError::Refused(self.target, reason)));
            return true;
        }
        if self.open.len() > SWEEP_ABOVE {
            self.open.retain(|_, reply| !reply.is_closed());
        }
        self.last_call += 1;
        match self.out.try_send(RaftFrame { call: self.last_call, ..call.frame }) {
            Ok(()) => {
                self.open.insert(self.last_call, call.reply);
                true
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                let busy = CallError::Unreachable(self.target, "too many calls wait for the connection".to_owned());
                let _ = call.reply.send(Err(busy));
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    fn answer(&mut self, frame: RaftFrame) {
        let Some(reply) = self.open.remove(&frame.call) else { return };
        let answer = if frame.refusal.is_empty() {
            Ok((self.peer.instance(), frame.payload))
        } else {
            Err(CallError::Refused(self.target, frame.refusal))
        };
        // The caller may have met its deadline meanwhile.
        let _ = reply.send(answer);
    }
}
