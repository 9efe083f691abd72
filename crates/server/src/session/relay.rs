//! The accepting node's end of a relayed session: an [`Inlet`] and an [`Attached`] over a connection between nodes.

use argosy_failpoint::{Failpoint, fires};
use argosy_proto::argosy::v1::relay_up::Message as Up;
use argosy_proto::argosy::v1::session_relay_client::SessionRelayClient;
use argosy_proto::argosy::v1::{RelayDown, RelayHello, RelayRollup, RelayUp, SessionGeneration};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use super::lane::{Attached, Elsewhere, Ended, FRAME_LANE, Frame, Generation, Inlet, REPLY_LANE, Reply};
use super::upstream::AttachError;

/// How long a leader's node may take to accept a session: beyond it, another node is asked.
const ACCEPT_LIMIT: Duration = Duration::from_secs(2);

/// Attaches a session to the shard's leader, which is `elsewhere`, through the node behind `channel`.
///
/// # Errors
/// When the node does not answer, does not lead, or refuses the session.
pub(crate) async fn attach(
    channel: Channel,
    elsewhere: Elsewhere,
    hello: RelayHello,
    inlet: Inlet,
    largest_message: usize,
) -> Result<Attached, AttachError> {
    let (up, outgoing) = mpsc::channel(REPLY_LANE);
    let mut client = SessionRelayClient::new(channel)
        .max_decoding_message_size(largest_message)
        .max_encoding_message_size(largest_message);
    // The lane is new and has room.
    let _ = up.try_send(RelayUp { message: Some(Up::Hello(hello)) });
    let accepted = tokio::time::timeout(ACCEPT_LIMIT, async {
        let mut down = client.attach(ReceiverStream::new(outgoing)).await?.into_inner();
        let first = down.message().await?;
        Ok::<_, Status>((down, first))
    });
    let (down, first) = match accepted.await {
        Ok(Ok(accepted)) => accepted,
        Ok(Err(status)) if status.code() == Code::NotFound || status.code() == Code::Aborted => {
            return Err(AttachError::Refused(status));
        }
        Ok(Err(status)) => return Err(AttachError::Later(status.message().to_owned())),
        Err(_) => return Err(AttachError::Later("the leader's node did not answer in time".to_owned())),
    };
    let Some(RelayDown { generation: Some(SessionGeneration { term, count }), .. }) = first else {
        return Err(AttachError::Later("the leader's node ended the session at once".to_owned()));
    };
    let (to_front, frames) = mpsc::channel(FRAME_LANE);
    tokio::spawn(carry(inlet, up, down, to_front));
    Ok(Attached { generation: Generation { term, count }, elsewhere: Some(elsewhere), frames })
}

/// Carries both directions until either end goes.
async fn carry(
    inlet: Inlet,
    up: mpsc::Sender<RelayUp>,
    down: Streaming<RelayDown>,
    to_front: mpsc::Sender<Result<Frame, Ended>>,
) {
    let end = tokio::select! {
        () = ascend(inlet, &up) => None,
        end = descend(down, &to_front) => Some(end),
        () = to_front.closed() => None,
    };
    if let Some(end) = end {
        // The front may have gone already.
        let _ = to_front.send(Err(end)).await;
    }
}

async fn ascend(mut inlet: Inlet, up: &mpsc::Sender<RelayUp>) {
    loop {
        let message = tokio::select! {
            // Replies are small and somebody waits for them: they go first.
            biased;
            reply = inlet.replies.recv() => match reply {
                Some(Reply::Bootstrap(blob)) => Up::BootstrapResponse(blob),
                Some(Reply::Reclaim(ack)) => Up::ReclaimAck(ack),
                None => return,
            },
            changed = inlet.rollups.changed() => {
                if changed.is_err() {
                    return;
                }
                let newest = inlet.rollups.borrow_and_update().clone();
                let Some(newest) = newest else { continue };
                Up::Rollup(RelayRollup { number: newest.number, needs: Some((*newest.needs).clone()) })
            }
        };
        if up.send(RelayUp { message: Some(message) }).await.is_err() {
            // The call is over; the other direction says why.
            std::future::pending::<()>().await;
        }
    }
}

async fn descend(mut down: Streaming<RelayDown>, to_front: &mpsc::Sender<Result<Frame, Ended>>) -> Ended {
    loop {
        match down.message().await {
            Ok(Some(_)) if fires(Failpoint::RelayBroken) => return Ended::Moved,
            Ok(Some(RelayDown { message, settled, .. })) => {
                if to_front.send(Ok(Frame { message, settled })).await.is_err() {
                    return Ended::Moved;
                }
            }
            Ok(None) => return Ended::Moved,
            Err(status) => {
                return match status.code() {
                    Code::Aborted => Ended::Replaced,
                    Code::ResourceExhausted => Ended::TooSlow,
                    _ => Ended::Moved,
                };
            }
        }
    }
}
