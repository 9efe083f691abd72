//! Streams as another node passes them on: many to a connection, each with a greeting and a sample at its time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use argosy_agent::host::Host;
use argosy_proto::argosy::v1::agent_instruction::Message as Down;
use argosy_proto::argosy::v1::agent_message::Message as Up;
use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::node_agents_client::NodeAgentsClient;
use argosy_proto::argosy::v1::{AgentBatch, AgentHello, AgentMessage, AgentRecord};
use argosy_server::api::FORWARDED;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::stage::Stage;
use super::words::{Tally, hello, sample};
use super::{LoadError, Options, phase};

/// Connections that the streams share.
const CONNECTIONS: u32 = 64;
/// Before a stream that was refused is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The streams. Dropping them ends them.
pub(super) struct Carried {
    _tasks: Vec<AbortOnDropHandle<()>>,
}

/// One stream.
struct Stream {
    machine: String,
    shard: String,
    channel: Channel,
    begins: Instant,
    every: Duration,
    tally: Arc<Tally>,
    sequence: u64,
}

impl Carried {
    /// Starts the agents that have no connection of their own.
    pub(super) fn start(stage: &Stage, options: &Options, tally: &Arc<Tally>) -> Result<Self, LoadError> {
        let channels: Vec<Channel> = (0..CONNECTIONS).map(|_| stage.node_channel()).collect::<Result<_, _>>()?;
        let tasks = (options.streams..options.agents).map(|at| {
            let stream = Stream {
                machine: stage.machine(at),
                shard: stage.shard().to_owned(),
                channel: channels[at as usize % channels.len()].clone(),
                begins: Instant::now() + phase(at, options.agents, options.interval),
                every: options.interval,
                tally: Arc::clone(tally),
                sequence: 0,
            };
            AbortOnDropHandle::new(tokio::spawn(stream.live()))
        });
        Ok(Self { _tasks: tasks.collect() })
    }
}

impl Stream {
    async fn live(mut self) {
        // Greetings are spread as samples are: a node does not pass all its streams on at once.
        sleep_until(self.begins).await;
        loop {
            let Err(status) = self.session().await;
            self.tally.refusal(status.message());
            sleep_until(Instant::now() + PAUSE).await;
        }
    }

    async fn session(&mut self) -> Result<std::convert::Infallible, Status> {
        let (up, outgoing) = mpsc::channel(4);
        let closed = || Status::unavailable("the stream is closed");
        let hello = AgentHello { journal: format!("load-{}", self.machine), ..hello(&self.machine, &self.shard) };
        up.send(AgentMessage { message: Some(Up::Hello(hello)) }).await.map_err(|_| closed())?;
        let mut request = Request::new(ReceiverStream::new(outgoing));
        request.metadata_mut().insert(FORWARDED, MetadataValue::from_static("1"));
        let mut down = NodeAgentsClient::new(self.channel.clone()).attach(request).await?.into_inner();
        let mut tick = interval_at(Instant::now() + self.every, self.every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flying: VecDeque<(u64, Instant)> = VecDeque::new();
        loop {
            tokio::select! {
                instruction = down.message() => {
                    let Some(Down::Ack(ack)) = instruction?.ok_or_else(closed)?.message else { continue };
                    while let Some((_, sent)) = flying.front().filter(|(sequence, _)| *sequence <= ack.acknowledged) {
                        self.tally.acknowledged(sent.elapsed());
                        flying.pop_front();
                    }
                }
                _ = tick.tick() => {
                    self.sequence += 1;
                    flying.push_back((self.sequence, Instant::now()));
                    up.send(self.batch()).await.map_err(|_| closed())?;
                }
            }
        }
    }

    fn batch(&self) -> AgentMessage {
        let now = Host::default().now();
        let record = AgentRecord {
            sequence: self.sequence,
            boot_id: "load".to_owned(),
            boottime_ms: now.boottime_ms,
            unix_ms: now.unix_ms,
            record: Some(Record::Sample(sample(&self.machine, self.sequence))),
        };
        let batch = AgentBatch { records: vec![record], sent_boottime_ms: now.boottime_ms, ..AgentBatch::default() };
        let message = AgentMessage { message: Some(Up::Batch(batch)) };
        self.tally.said(message.encoded_len());
        message
    }
}
