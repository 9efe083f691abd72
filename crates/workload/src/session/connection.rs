//! The conversation itself: dial, greet, talk, and after any failure wait and begin again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argosy_proto::bigfleet::v1alpha1::operator_message::Message as FromOperator;
use argosy_proto::bigfleet::v1alpha1::shard_client::ShardClient;
use argosy_proto::bigfleet::v1alpha1::shard_message::Message as FromShard;
use argosy_proto::bigfleet::v1alpha1::{
    Acknowledgement, BootstrapBlobResponse, BootstrapRequest, ClusterCapacityNeeds, Hello, OperatorMessage, ReclaimAck,
    ReclaimInstruction, ShardMessage,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::backoff::Waits;
use super::mailbox::{Events, Greeting, SessionEvent};
use super::{ClusterSide, Counters, PROTOCOL_VERSION, SessionConfig};
use crate::dice::Dice;

/// Largest message either side may send, as everywhere in this protocol.
const MAX_MESSAGE_BYTES: usize = 256 * 1024 * 1024;

/// All that outlives a connection.
pub(super) struct Conversation<C, S> {
    config: SessionConfig,
    connect: C,
    cluster: Arc<S>,
    slot: watch::Receiver<Option<Arc<ClusterCapacityNeeds>>>,
    counters: Arc<Counters>,
    events: Events,
    waits: Waits,
    /// The address to try next, by place.
    turn: usize,
}

/// One connection.
struct Connection<'a, S> {
    address: String,
    cluster: &'a Arc<S>,
    counters: &'a Counters,
    events: &'a Events,
    outbox: mpsc::Sender<OperatorMessage>,
    /// Whether the greeting has been acknowledged.
    greeted: bool,
    /// The roll-up that is not acknowledged yet, and until when it may be.
    in_flight: Option<(i64, Instant)>,
    reclaims: JoinSet<()>,
}

impl<C, S> Conversation<C, S>
where
    C: Fn(&str) -> Result<Channel, tonic::transport::Error> + Send + Sync + 'static,
    S: ClusterSide,
{
    pub(super) fn new(
        config: SessionConfig,
        connect: C,
        cluster: Arc<S>,
        slot: watch::Receiver<Option<Arc<ClusterCapacityNeeds>>>,
        counters: Arc<Counters>,
        events: Events,
    ) -> Self {
        let mut dice = Dice::new(config.seed, &format!("session/{}", config.cluster_id));
        let first = dice.below((config.addresses.len() as u64).max(1));
        Self {
            waits: Waits::new(config.backoff, dice),
            turn: usize::try_from(first).unwrap_or(0),
            config,
            connect,
            cluster,
            slot,
            counters,
            events,
        }
    }

    pub(super) async fn run(mut self) {
        while !self.config.addresses.is_empty() {
            let address = self.config.addresses[self.turn % self.config.addresses.len()].clone();
            self.turn = self.turn.wrapping_add(1);
            let reason = self.converse(&address).await;
            if self.slot.has_changed().is_err() {
                break;
            }
            let wait = self.waits.next();
            let retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(cluster = self.config.cluster_id, address, reason, retry_in_ms, "session ended; retrying");
            self.events.put(SessionEvent::Disconnected { address, reason, retry_in_ms });
            tokio::time::sleep(wait).await;
        }
        self.events.close();
    }

    /// Talks over one connection until it ends, and says why it did.
    async fn converse(&mut self, address: &str) -> String {
        let channel = match (self.connect)(address) {
            Ok(channel) => channel,
            Err(error) => return format!("no channel: {error}"),
        };
        let (outbox, outgoing) = mpsc::channel(self.config.outbox_depth.max(1));
        let greeting =
            Hello { cluster_id: self.config.cluster_id.clone(), protocol_version: PROTOCOL_VERSION.to_owned() };
        // The outbox is new and has room.
        let _ = outbox.try_send(message(FromOperator::Hello(greeting)));
        let mut client = ShardClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let deadline = Instant::now() + self.config.greeting_timeout;
        let opened = tokio::time::timeout_at(deadline, client.session(ReceiverStream::new(outgoing))).await;
        let incoming = match opened {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return told(&status),
            Err(_) => return "no answer to the greeting in time".to_owned(),
        };
        let mut connection = Connection {
            address: address.to_owned(),
            cluster: &self.cluster,
            counters: &self.counters,
            events: &self.events,
            outbox,
            greeted: false,
            in_flight: None,
            reclaims: JoinSet::new(),
        };
        connection.talk(incoming, &mut self.slot, &mut self.waits, deadline, self.config.rollup_timeout).await
    }
}

impl<S: ClusterSide> Connection<'_, S> {
    async fn talk(
        &mut self,
        mut incoming: Streaming<ShardMessage>,
        slot: &mut watch::Receiver<Option<Arc<ClusterCapacityNeeds>>>,
        waits: &mut Waits,
        greet_by: Instant,
        rollup_timeout: Duration,
    ) -> String {
        loop {
            // Before the greeting and while a roll-up is out there is one thing to wait for; else there is none.
            let deadline = if self.greeted { self.in_flight.map(|(_, until)| until) } else { Some(greet_by) };
            tokio::select! {
                received = incoming.message() => match received {
                    Ok(Some(received)) => {
                        let was_greeted = self.greeted;
                        self.receive(received);
                        if self.greeted && !was_greeted {
                            waits.reset();
                            // A shard may know nothing of what was said over another connection.
                            slot.mark_changed();
                        }
                    }
                    Ok(None) => return "the shard ended the session".to_owned(),
                    Err(status) => return told(&status),
                },
                changed = slot.changed(), if self.greeted && self.in_flight.is_none() => match changed {
                    Ok(()) => {
                        let newest = slot.borrow_and_update().clone();
                        if let Some(rollup) = newest && !self.send_rollup(&rollup, rollup_timeout).await {
                            return "the shard no longer listens".to_owned();
                        }
                    }
                    Err(_) => return "the session was closed".to_owned(),
                },
                // An acknowledgement names no roll-up: one that came later could not be told from that of the next.
                () = until(deadline) => return "no acknowledgement in time".to_owned(),
                Some(_) = self.reclaims.join_next() => {}
            }
        }
    }

    async fn send_rollup(&mut self, rollup: &ClusterCapacityNeeds, timeout: Duration) -> bool {
        // A shard that reads nothing while it waits for us to read would hold both sides for ever.
        let send = self.outbox.send_timeout(message(FromOperator::Rollup(rollup.clone())), timeout);
        let sent = send.await.is_ok();
        if sent {
            count(&self.counters.rollups_sent);
            self.in_flight = Some((rollup.timestamp_unix_nanos, Instant::now() + timeout));
        }
        sent
    }

    fn receive(&mut self, received: ShardMessage) {
        match received.message {
            Some(FromShard::Ack(ack)) => self.acknowledged(&ack),
            Some(FromShard::BootstrapRequest(request)) => self.bootstrap(&request),
            Some(FromShard::ReclaimInstruction(instruction)) => self.reclaim(instruction),
            Some(FromShard::NodeStateUpdate(update)) => self.events.put(SessionEvent::NodeState(Box::new(update))),
            Some(FromShard::AvailableCapacity(update)) => self.events.put(SessionEvent::Available(Box::new(update))),
            // A later version may say more than we know.
            None => {}
        }
    }

    fn acknowledged(&mut self, ack: &Acknowledgement) {
        match ack.echo.as_str() {
            "hello" => {
                let again = self.counters.greetings_acknowledged.fetch_add(1, Ordering::Relaxed) > 0;
                self.greeted = true;
                self.events.put(SessionEvent::Greeted(Greeting {
                    address: self.address.clone(),
                    again,
                    shard_epoch: ack.shard_epoch,
                    coordinator_term: ack.coordinator_term,
                }));
            }
            "rollup" => {
                if let Some((timestamp_unix_nanos, _)) = self.in_flight.take() {
                    count(&self.counters.rollups_acknowledged);
                    self.events.put(SessionEvent::RollupAcked { timestamp_unix_nanos });
                }
            }
            other => tracing::debug!(echo = other, "an acknowledgement of something never sent"),
        }
    }

    fn bootstrap(&self, request: &BootstrapRequest) {
        let request_id = request.request_id.clone();
        let response = match self.cluster.bootstrap(request) {
            Ok(blob) => BootstrapBlobResponse {
                request_id,
                user_data: blob.user_data.into(),
                ttl_seconds: blob.ttl_seconds,
                error: String::new(),
            },
            Err(error) => BootstrapBlobResponse { request_id, error, ..Default::default() },
        };
        reply(&self.outbox, self.counters, FromOperator::BootstrapResponse(response));
    }

    fn reclaim(&mut self, instruction: ReclaimInstruction) {
        self.events.put(SessionEvent::Reclaim(instruction.clone()));
        let (cluster, outbox) = (Arc::clone(self.cluster), self.outbox.clone());
        self.reclaims.spawn(async move {
            let nodes = cluster.reclaim(&instruction).await;
            let nodes_started = i32::try_from(nodes).unwrap_or(i32::MAX);
            let ack = ReclaimAck { instruction_id: instruction.instruction_id, nodes_started };
            // An instruction that is not acknowledged comes again over the next connection.
            let _ = outbox.send(message(FromOperator::ReclaimAck(ack))).await;
        });
    }
}

fn reply(outbox: &mpsc::Sender<OperatorMessage>, counters: &Counters, reply: FromOperator) {
    if outbox.try_send(message(reply)).is_err() {
        count(&counters.replies_dropped);
    }
}

fn message(message: FromOperator) -> OperatorMessage {
    OperatorMessage { message: Some(message) }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn told(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
