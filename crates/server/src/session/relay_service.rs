//! The leader's end of a relayed session: `argosy.v1.SessionRelay`, for nodes only.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::relay_up::Message as Up;
use argosy_proto::argosy::v1::session_relay_server::SessionRelay;
use argosy_proto::argosy::v1::{RelayDown, RelayHello, RelayUp, SessionGeneration};
use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::lane::{Attached, Ended, FRAME_LANE, Generation, Inlet, InletSender, Numbered, Reply};
use super::refusal;
use super::upstream::AttachError;

/// How long a relaying node may take to say whose session it brings.
const HELLO_LIMIT: Duration = Duration::from_secs(5);

/// Attaches sessions to the hubs of the shards that this node leads; it never relays further.
pub trait LocalHubs: Send + Sync + 'static {
    /// Attaches a session to the hub of `shard` on this node.
    ///
    /// # Errors
    /// When this node does not lead the shard, or the session was replaced.
    fn attach_here(
        &self,
        shard: &str,
        cluster: &str,
        generation: Option<Generation>,
        inlet: Inlet,
    ) -> Result<Attached, AttachError>;
}

/// The service. Clones share everything.
#[derive(Clone)]
pub struct RelayService {
    hubs: Arc<dyn LocalHubs>,
    closing: CancellationToken,
}

impl RelayService {
    /// A service over the hubs of this node, whose calls end when `closing` is cancelled.
    pub fn new(hubs: Arc<dyn LocalHubs>, closing: CancellationToken) -> Self {
        Self { hubs, closing }
    }
}

#[tonic::async_trait]
impl SessionRelay for RelayService {
    type AttachStream = Pin<Box<dyn Stream<Item = Result<RelayDown, Status>> + Send>>;

    async fn attach(&self, request: Request<Streaming<RelayUp>>) -> Result<Response<Self::AttachStream>, Status> {
        let mut up = request.into_inner();
        let hello = tokio::time::timeout(HELLO_LIMIT, up.message()).await.map_err(|_| refusal::late_greeting())??;
        let Some(RelayUp { message: Some(Up::Hello(hello)) }) = hello else {
            return Err(refusal::no_greeting());
        };
        let (sender, inlet) = Inlet::new();
        let attached = self.attach_here(&hello, inlet)?;
        let (to_node, frames) = mpsc::channel(FRAME_LANE);
        let closing = self.closing.clone();
        tokio::spawn(async move {
            let end = tokio::select! {
                () = listen(up, sender) => None,
                end = speak(attached, &to_node) => Some(end),
                () = closing.cancelled() => Some(Ended::Moved),
                () = to_node.closed() => None,
            };
            if let Some(end) = end {
                let _ = to_node.send(Err(status(end))).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(frames))))
    }
}

impl RelayService {
    fn attach_here(&self, hello: &RelayHello, inlet: Inlet) -> Result<Attached, Status> {
        let generation = hello.generation.map(|SessionGeneration { term, count }| Generation { term, count });
        self.hubs.attach_here(&hello.shard_id, &hello.cluster_id, generation, inlet).map_err(|error| match error {
            AttachError::Later(reason) => Status::unavailable(format!("ARG-0606: {reason}")),
            AttachError::Refused(status) => status,
        })
    }
}

async fn listen(mut up: Streaming<RelayUp>, sender: InletSender) {
    while let Ok(Some(RelayUp { message })) = up.message().await {
        match message {
            Some(Up::Rollup(rollup)) => {
                let needs = Arc::new(rollup.needs.unwrap_or_default());
                sender.rollups.send_replace(Some(Numbered { number: rollup.number, needs }));
            }
            Some(Up::BootstrapResponse(blob)) => {
                let _ = sender.replies.send(Reply::Bootstrap(blob)).await;
            }
            Some(Up::ReclaimAck(ack)) => {
                let _ = sender.replies.send(Reply::Reclaim(ack)).await;
            }
            Some(Up::Hello(_)) | None => {}
        }
    }
}

async fn speak(mut attached: Attached, to_node: &mpsc::Sender<Result<RelayDown, Status>>) -> Ended {
    let Generation { term, count } = attached.generation;
    let first = RelayDown { generation: Some(SessionGeneration { term, count }), ..RelayDown::default() };
    if to_node.send(Ok(first)).await.is_err() {
        return Ended::Moved;
    }
    loop {
        match attached.frames.recv().await {
            Some(Ok(frame)) => {
                let down = RelayDown { generation: None, message: frame.message, settled: frame.settled };
                if to_node.send(Ok(down)).await.is_err() {
                    return Ended::Moved;
                }
            }
            Some(Err(end)) => return end,
            None => return Ended::Moved,
        }
    }
}

/// How an end travels between nodes; `relay` reads it back.
fn status(end: Ended) -> Status {
    match end {
        Ended::Replaced => Status::aborted(end.to_string()),
        Ended::TooSlow => Status::resource_exhausted(end.to_string()),
        Ended::Moved | Ended::CutOff => Status::unavailable(end.to_string()),
    }
}
