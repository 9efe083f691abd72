//! The link to one other node: a stream of calls, opened with the first, replaced when it breaks.
//!
//! A call fails at once while the last attempt to connect is fresh, so that a dead node costs its callers nothing; Raft has a back-off of
//! its own above this one. Every call has a deadline. Calls leave in the order in which they were made.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argosy_failpoint::{Failpoint, fires};
use argosy_proto::argosy::v1::{RaftCall, RaftFrame};
use argosy_storage::{GroupId, Identity, InstanceId, NodeId};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tonic::transport::Channel;

use super::heard::Heard;
use super::session::Session;
use crate::connect::Connect;

/// How long opening a stream may take, greeting included.
const CONNECT_DEADLINE: Duration = Duration::from_millis(2_000);

/// Waits between attempts to connect.
const BACKOFF_MS: [u64; 5] = [20, 50, 100, 200, 400];

/// Calls that wait to be sent; each group has a few on their way, so this is room for hundreds of groups.
pub(super) const CALLS_WAITING: usize = 8192;

/// Why a call was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    #[error("node {0} is unreachable: {1}")]
    Unreachable(NodeId, String),
    #[error("node {0} refused: {1}")]
    Refused(NodeId, String),
    #[error("node {0} did not answer within {1:?}")]
    Deadline(NodeId, Duration),
}

/// A call on its way to the link's task.
pub(super) struct Call {
    /// The instance that the caller means; `None` when it wants to learn it.
    pub(super) expected: Option<InstanceId>,
    pub(super) frame: RaftFrame,
    pub(super) reply: oneshot::Sender<Result<(InstanceId, Bytes), CallError>>,
}

/// A handle to the link; dropping the last one ends it.
pub(crate) struct Link {
    pub(super) target: NodeId,
    calls: mpsc::Sender<Call>,
    channel: Arc<Mutex<Option<Channel>>>,
    /// A call was made since the last look.
    called: AtomicBool,
}

impl Link {
    fn start(target: NodeId, me: Identity, connect: Arc<dyn Connect>, heard: Arc<Heard>) -> Arc<Self> {
        let (calls, queue) = mpsc::channel(CALLS_WAITING);
        let channel = Arc::new(Mutex::new(None));
        let task = LinkTask { target, me, connect, heard, queue, channel: channel.clone() };
        tokio::spawn(task.run());
        Arc::new(Self { target, calls, channel, called: AtomicBool::new(false) })
    }

    /// Queues a call at once, in the order of calls to this function, and returns what to await for its answer.
    pub(crate) fn call(
        &self,
        group: GroupId,
        kind: RaftCall,
        payload: Bytes,
        expected: Option<InstanceId>,
        deadline: Duration,
    ) -> impl Future<Output = Result<(InstanceId, Bytes), CallError>> + Send + use<> {
        self.called.store(true, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        let frame = RaftFrame { group: group.0, kind: kind.into(), payload, ..RaftFrame::default() };
        let queued = match fires(Failpoint::CallUnsent) {
            true => Err("the queue of calls is full".to_owned()),
            false => self.calls.try_send(Call { expected, frame, reply }).map_err(|error| error.to_string()),
        };
        let target = self.target;
        async move {
            if let Err(full_or_closed) = queued {
                return Err(CallError::Unreachable(target, full_or_closed));
            }
            match tokio::time::timeout(deadline, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(CallError::Unreachable(target, "the connection was lost".to_owned())),
                Err(_) => Err(CallError::Deadline(target, deadline)),
            }
        }
    }

    /// Whether no call was made since the last look; a look begins anew.
    pub(super) fn take_idle(&self) -> bool {
        !self.called.swap(false, Ordering::Relaxed)
    }

    /// The channel of the current connection, for what needs a stream of its own.
    pub(super) fn channel(&self) -> Option<Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The links of a node.
pub(crate) struct Links {
    me: Identity,
    connect: Arc<dyn Connect>,
    heard: Arc<Heard>,
    links: Mutex<HashMap<NodeId, Arc<Link>>>,
}

impl Links {
    pub(crate) fn new(me: Identity, connect: Arc<dyn Connect>, heard: Arc<Heard>) -> Self {
        Self { me, connect, heard, links: Mutex::default() }
    }

    pub(crate) fn me(&self) -> &Identity {
        &self.me
    }

    /// The link to a node.
    pub(crate) fn to(&self, node: NodeId) -> Arc<Link> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || Link::start(node, self.me.clone(), self.connect.clone(), self.heard.clone());
        links.entry(node).or_insert_with(start).clone()
    }

    /// Lets go of all links. Those that nobody uses any more end.
    pub(crate) fn clear(&self) {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

struct LinkTask {
    target: NodeId,
    me: Identity,
    connect: Arc<dyn Connect>,
    heard: Arc<Heard>,
    queue: mpsc::Receiver<Call>,
    channel: Arc<Mutex<Option<Channel>>>,
}

impl LinkTask {
    async fn run(mut self) {
        let mut failures = 0;
        let mut closed_until: Option<(Instant, String)> = None;
        while let Some(call) = self.queue.recv().await {
            if let Some((until, reason)) = &closed_until
                && Instant::now() < *until
            {
                let _ = call.reply.send(Err(CallError::Unreachable(self.target, reason.clone())));
                continue;
            }
            match self.open().await {
                Ok(session) => {
                    failures = 0;
                    closed_until = None;
                    let ended = session.serve(call, &mut self.queue).await;
                    self.set_channel(None);
                    tracing::debug!(target = %self.target, reason = %ended, "link ended");
                }
                Err(reason) => {
                    tracing::debug!(target = %self.target, %reason, "no link");
                    let _ = call.reply.send(Err(CallError::Unreachable(self.target, reason.clone())));
                    let wait = BACKOFF_MS[failures.min(BACKOFF_MS.len() - 1)];
                    failures += 1;
                    closed_until = Some((Instant::now() + Duration::from_millis(wait), reason));
                }
            }
        }
    }

    async fn open(&self) -> Result<Session, String> {
        let channel = self.connect.channel(self.target).map_err(|error| error.to_string())?;
        let opened =
            tokio::time::timeout(CONNECT_DEADLINE, Session::open(channel.clone(), self.target, &self.me, &self.heard))
                .await;
        let session = opened.map_err(|_| format!("no greeting within {CONNECT_DEADLINE:?}"))??;
        self.set_channel(Some(channel));
        Ok(session)
    }

    fn set_channel(&self, channel: Option<Channel>) {
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = channel;
    }
}
