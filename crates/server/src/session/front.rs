//! The front of a session: one operator's stream, held open over changes of leader.
//!
//! It reads the operator and forwards to whichever leader the session is attached to; when that leader goes, it attaches
//! to the next and says again what was not settled: the newest roll-up, once. The greeting is acknowledged to the
//! operator once, whoever serves it later. The front decides nothing and keeps at most one roll-up.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use argosy_proto::bigfleet::v1alpha1::operator_message::Message as FromOperator;
use argosy_proto::bigfleet::v1alpha1::shard_message::Message as FromShard;
use argosy_proto::bigfleet::v1alpha1::{Acknowledgement, Hello, OperatorMessage, ShardMessage};
use futures::{Stream, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::lane::{Attached, Ended, Frame, Generation, Inlet, Numbered, REPLY_LANE, Reply};
use super::refusal;
use super::upstream::{AttachError, Upstreams};

/// Pauses between attempts to find the leader.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A stay with a leader that is shorter is not worth an immediate next one.
const SHORT_STAY: Duration = Duration::from_secs(1);

/// What is written to the operator.
pub(super) type ToOperator = mpsc::Sender<Result<ShardMessage, Status>>;

/// One session, after its greeting.
pub(super) struct Front {
    cluster: String,
    to_operator: ToOperator,
    /// How long it looks for a leader.
    patience: Duration,
    /// The newest roll-up that is not settled.
    newest: watch::Sender<Option<Numbered>>,
    /// Where replies go, while attached.
    replies: watch::Sender<Option<mpsc::Sender<Reply>>>,
    greeting: Mutex<Greeting>,
}

/// What has been said about the operator's greetings.
#[derive(Default)]
struct Greeting {
    /// Greetings without an acknowledgement.
    owed: u32,
    /// The acknowledgement, once a leader has given it.
    given: Option<Acknowledgement>,
}

impl Front {
    /// The front of a session of `cluster`, whose first greeting has just been read.
    pub(super) fn new(cluster: String, to_operator: ToOperator, patience: Duration) -> Self {
        Self {
            cluster,
            to_operator,
            patience,
            newest: watch::channel(None).0,
            replies: watch::channel(None).0,
            greeting: Mutex::new(Greeting { owed: 1, given: None }),
        }
    }

    /// Serves the session until the operator leaves, or until it must end; then the operator gets the status.
    pub(super) async fn run<S>(self, operator: S, upstreams: Arc<dyn Upstreams>, closing: CancellationToken)
    where
        S: Stream<Item = Result<OperatorMessage, Status>> + Send + Unpin,
    {
        let end = tokio::select! {
            end = self.listen(operator) => end,
            end = self.speak(upstreams.as_ref()) => Some(end),
            () = closing.cancelled() => Some(refusal::closing()),
            () = self.to_operator.closed() => None,
        };
        if let Some(status) = end {
            tracing::info!(cluster = self.cluster, code = ?status.code(), reason = status.message(), "session ended");
            // The operator may have gone already.
            let _ = self.to_operator.send(Err(status)).await;
        }
    }

    /// Reads the operator. `None` when it has ended the stream itself.
    async fn listen<S>(&self, mut operator: S) -> Option<Status>
    where
        S: Stream<Item = Result<OperatorMessage, Status>> + Send + Unpin,
    {
        let mut number = 0;
        loop {
            let message = match operator.next().await? {
                Ok(message) => message.message,
                // The stream broke: there is nobody to tell.
                Err(_) => return None,
            };
            match message {
                Some(FromOperator::Rollup(needs)) => {
                    number += 1;
                    if needs.cluster_id != self.cluster {
                        return Some(refusal::other_cluster(&self.cluster, &needs.cluster_id));
                    }
                    self.newest.send_replace(Some(Numbered { number, needs: Arc::new(needs) }));
                }
                Some(FromOperator::BootstrapResponse(blob)) => self.reply(Reply::Bootstrap(blob)).await,
                Some(FromOperator::ReclaimAck(ack)) => self.reply(Reply::Reclaim(ack)).await,
                Some(FromOperator::Hello(hello)) => {
                    if let Err(status) = self.greeted_again(&hello).await {
                        return Some(status);
                    }
                }
                // A later version may say more than we know.
                None => {}
            }
        }
    }

    /// Passes a reply on. Without a leader it is dropped: the next one asks anew.
    async fn reply(&self, reply: Reply) {
        let lane = self.replies.borrow().clone();
        if let Some(lane) = lane {
            let _ = lane.send(reply).await;
        }
    }

    async fn greeted_again(&self, hello: &Hello) -> Result<(), Status> {
        if hello.cluster_id != self.cluster {
            return Err(refusal::other_cluster(&self.cluster, &hello.cluster_id));
        }
        let given = {
            let mut greeting = self.lock();
            if greeting.given.is_none() {
                greeting.owed += 1;
            }
            greeting.given.clone()
        };
        if let Some(ack) = given {
            let _ = self.to_operator.send(Ok(ShardMessage { message: Some(FromShard::Ack(ack)) })).await;
        }
        Ok(())
    }

    /// Attaches to one leader after the other and writes what they say.
    async fn speak(&self, upstreams: &dyn Upstreams) -> Status {
        let mut generation = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let attached = match self.attach(upstreams, generation).await {
                Ok(attached) => attached,
                Err(status) => return status,
            };
            generation = Some(attached.generation);
            let began = Instant::now();
            let end = self.forward(attached, upstreams.cut_off()).await;
            self.replies.send_replace(None);
            match end {
                Ended::Moved => {
                    tracing::debug!(cluster = self.cluster, "the session's leader went; looking for the next");
                    pause = self.rest(began.elapsed(), pause).await;
                }
                Ended::CutOff => return Status::unavailable(end.to_string()),
                Ended::Replaced => return Status::aborted(end.to_string()),
                Ended::TooSlow => return Status::resource_exhausted(end.to_string()),
            }
        }
    }

    /// Waits before the next leader is looked for, if the stay with the last one was short: a leader that takes sessions and
    /// cannot commit sends each away at once, and it would be back at once. Returns the pause after another short stay.
    async fn rest(&self, stayed: Duration, pause: Duration) -> Duration {
        if stayed >= SHORT_STAY {
            return FIRST_PAUSE;
        }
        tokio::time::sleep(pause).await;
        (pause * 2).min(LONGEST_PAUSE)
    }

    /// Finds the leader, whatever number of attempts that takes within the limit. A node that hears nobody does not look for long: it would
    /// only hold up an operator whom others could serve.
    async fn attach(&self, upstreams: &dyn Upstreams, generation: Option<Generation>) -> Result<Attached, Status> {
        let give_up = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let (replies, answered) = mpsc::channel(REPLY_LANE);
            let mut rollups = self.newest.subscribe();
            // What the last leader did not settle is said again.
            rollups.mark_changed();
            match upstreams.attach(&self.cluster, generation, Inlet { rollups, replies: answered }).await {
                Ok(attached) => {
                    self.replies.send_replace(Some(replies));
                    return Ok(attached);
                }
                Err(AttachError::Refused(status)) => return Err(status),
                Err(AttachError::Later(reason)) => {
                    if Instant::now() >= give_up || *upstreams.cut_off().borrow() {
                        return Err(refusal::leaderless(&reason));
                    }
                    tracing::debug!(cluster = self.cluster, reason, "no leader for the session yet");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Writes what a leader says until it ends, has a successor, or cannot be heard any more.
    async fn forward(&self, attached: Attached, mut cut_off: watch::Receiver<bool>) -> Ended {
        let Attached { elsewhere, mut frames, .. } = attached;
        let left = async {
            let Some(elsewhere) = elsewhere else { return std::future::pending().await };
            tokio::select! {
                () = elsewhere.superseded() => Ended::Moved,
                // An error means that whoever tells has gone: then this node goes down, which ends sessions in another way.
                Ok(_) = cut_off.wait_for(|cut_off| *cut_off) => Ended::CutOff,
            }
        };
        tokio::pin!(left);
        loop {
            tokio::select! {
                frame = frames.recv() => match frame {
                    Some(Ok(frame)) => self.write(frame).await,
                    Some(Err(end)) => return end,
                    None => return Ended::Moved,
                },
                end = &mut left => return end,
            }
        }
    }

    async fn write(&self, frame: Frame) {
        if frame.settled > 0 {
            self.newest.send_if_modified(|newest| {
                let settled = newest.as_ref().is_some_and(|newest| newest.number <= frame.settled);
                if settled {
                    *newest = None;
                }
                settled
            });
        }
        let copies = match &frame.message {
            Some(ShardMessage { message: Some(FromShard::Ack(ack)) }) if ack.echo == "hello" => self.greeted(ack),
            Some(_) => 1,
            None => 0,
        };
        for _ in 0..copies {
            if let Some(message) = &frame.message {
                // A stream that is gone is noticed by `run`.
                let _ = self.to_operator.send(Ok(message.clone())).await;
            }
        }
    }

    /// How often the acknowledgement of a greeting must be passed on: once for each that the operator waits for.
    fn greeted(&self, ack: &Acknowledgement) -> u32 {
        let mut greeting = self.lock();
        greeting.given = Some(ack.clone());
        std::mem::take(&mut greeting.owed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Greeting> {
        self.greeting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
