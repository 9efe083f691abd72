//! `bigfleet.v1alpha1.Shard/Session` on any node: checks the greeting and starts the session's front.
//!
//! Protocol: spec/wire-and-system.md sections 1.3 and 8. A session is accepted by every node, whoever leads its shard.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::bigfleet::v1alpha1::operator_message::Message as FromOperator;
use argosy_proto::bigfleet::v1alpha1::shard_server::Shard;
use argosy_proto::bigfleet::v1alpha1::{Hello, OperatorMessage, ShardMessage};
use futures::{Stream, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

use super::front::Front;
use super::lane::FRAME_LANE;
use super::refusal;
use super::upstream::Upstreams;

/// What a caller may speak for. Supplied by the authorisation layer; without TLS everybody may speak for everybody.
pub trait SessionCheck: Send + Sync + 'static {
    /// Whether the caller behind `extensions` may open a session of `cluster`.
    ///
    /// # Errors
    /// The status to refuse it with.
    fn check(&self, extensions: &tonic::Extensions, cluster: &str) -> Result<(), Status>;
}

/// Limits of the sessions of one node.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Sessions at once.
    pub sessions: u32,
    /// From the opening of the stream to the greeting.
    pub hello_timeout: Duration,
    /// A session that finds no leader for so long is ended, so that its operator tries another node.
    pub leaderless: Duration,
}

/// The service. Clones share everything.
#[derive(Clone)]
pub struct SessionService {
    upstreams: Arc<dyn Upstreams>,
    check: Arc<dyn SessionCheck>,
    limits: SessionLimits,
    room: Arc<Semaphore>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl SessionService {
    /// A service whose sessions end when `closing` is cancelled.
    pub fn new(
        upstreams: Arc<dyn Upstreams>,
        check: Arc<dyn SessionCheck>,
        limits: SessionLimits,
        closing: CancellationToken,
    ) -> Self {
        let room = Arc::new(Semaphore::new(limits.sessions as usize));
        Self { upstreams, check, limits, room, tasks: TaskTracker::new(), closing }
    }

    /// Returns when every session has ended; cancel the token first.
    pub async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// How many sessions this node holds.
    #[must_use]
    pub fn open(&self) -> usize {
        self.tasks.len()
    }
}

#[tonic::async_trait]
impl Shard for SessionService {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<ShardMessage, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<OperatorMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        if self.closing.is_cancelled() {
            return Err(refusal::closing());
        }
        let permit = self.room.clone().try_acquire_owned().map_err(|_| refusal::full(self.limits.sessions))?;
        let (_, extensions, mut operator) = request.into_parts();
        let (to_operator, frames) = mpsc::channel(FRAME_LANE);
        let (check, upstreams, closing) = (self.check.clone(), self.upstreams.clone(), self.closing.clone());
        let SessionLimits { hello_timeout, leaderless, .. } = self.limits;
        self.tasks.spawn(async move {
            let _room = permit;
            // Read in the task: a client may wait for the response's headers before it sends its first message.
            let greeted = tokio::select! {
                greeted = tokio::time::timeout(hello_timeout, greeting(&mut operator)) => {
                    greeted.unwrap_or_else(|_| Err(refusal::late_greeting()))
                }
                () = closing.cancelled() => Err(refusal::closing()),
            };
            let allowed = greeted.and_then(|hello| check.check(&extensions, &hello.cluster_id).map(|()| hello));
            match allowed {
                Ok(hello) => {
                    tracing::info!(
                        cluster = hello.cluster_id,
                        protocol_version = hello.protocol_version,
                        "session opened"
                    );
                    Front::new(hello.cluster_id, to_operator, leaderless).run(operator, upstreams, closing).await;
                }
                Err(status) => {
                    tracing::warn!(code = ?status.code(), reason = status.message(), "session refused");
                    let _ = to_operator.send(Err(status)).await;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(frames))))
    }
}

async fn greeting(
    operator: &mut (impl Stream<Item = Result<OperatorMessage, Status>> + Unpin),
) -> Result<Hello, Status> {
    match operator.next().await.ok_or_else(refusal::no_greeting)??.message {
        Some(FromOperator::Hello(hello)) if !hello.cluster_id.is_empty() => Ok(hello),
        _ => Err(refusal::no_greeting()),
    }
}
