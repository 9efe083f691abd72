//! One connection, from the greeting to its end.

use std::collections::VecDeque;
use std::time::Duration;

use argosy_proto::argosy::v1::agent_instruction::Message as Instruction;
use argosy_proto::argosy::v1::agent_message::Message;
use argosy_proto::argosy::v1::node_agents_client::NodeAgentsClient;
use argosy_proto::argosy::v1::{AgentHello, AgentInstruction, AgentMessage, AgentWelcome};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::{Dial, Uplink};

/// Batches that are sent and not acknowledged.
const WINDOW: usize = 2;
/// Records of one batch, encoded.
const BATCH_BYTES: usize = 256 * 1024;
/// From the greeting to the welcome.
const WELCOME_LIMIT: Duration = Duration::from_secs(10);

/// How a connection ended.
pub(super) struct Ended {
    /// Whether a leader had welcomed us.
    pub(super) welcomed: bool,
    pub(super) reason: String,
}

/// A connection that a leader has welcomed.
struct Open {
    /// The journal of the greeting.
    journal: String,
    up: mpsc::Sender<AgentMessage>,
    /// The last number of every batch on its way.
    flying: VecDeque<u64>,
    sent: u64,
}

impl<D: Dial> Uplink<D> {
    /// Serves one connection to its end.
    pub(super) async fn session(&self, channel: Channel) -> Ended {
        let (journal, _) = self.post.standing();
        let (up, outgoing) = mpsc::channel(WINDOW + 1);
        let hello = AgentHello { journal: journal.clone(), ..self.hello.borrow().clone() };
        // The lane is new and has room.
        let _ = up.try_send(AgentMessage { message: Some(Message::Hello(hello)) });
        let mut client = NodeAgentsClient::new(channel);
        let greeted = timeout(WELCOME_LIMIT, async {
            let mut down = client.attach(ReceiverStream::new(outgoing)).await?.into_inner();
            let welcome = welcome(down.message().await?)?;
            Ok::<_, Status>((down, welcome))
        });
        let (down, welcome) = match greeted.await {
            Ok(Ok(greeted)) => greeted,
            Ok(Err(status)) => return refused(&status),
            Err(_) => return Ended { welcomed: false, reason: "no leader answered the greeting in time".to_owned() },
        };
        tracing::info!(machine = welcome.machine, shard = welcome.shard, node = welcome.node, "connected");
        self.post.acknowledge(&journal, welcome.acknowledged);
        let (_, sent) = self.post.standing();
        let open = Open { journal, up, flying: VecDeque::new(), sent };
        let reason = match self.carry(open, down).await {
            Ok(()) => "the journal has a new name; greeting again".to_owned(),
            Err(status) => said(&status),
        };
        Ended { welcomed: true, reason }
    }

    async fn carry(&self, mut open: Open, mut down: Streaming<AgentInstruction>) -> Result<(), Status> {
        let silence = self.heartbeat * 3;
        let mut beat = interval(self.heartbeat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let mut due = false;
            tokio::select! {
                instruction = down.message() => {
                    heard = Instant::now();
                    let ended = || Status::unavailable("the leader closed the stream");
                    self.obey(&mut open, instruction?.ok_or_else(ended)?);
                }
                () = self.post.written() => {}
                _ = beat.tick() => due = true,
            }
            if self.post.standing().0 != open.journal {
                return Ok(());
            }
            if heard.elapsed() > silence {
                return Err(Status::unavailable("nothing was heard from the leader"));
            }
            timeout(silence, self.send(&mut open, due))
                .await
                .map_err(|_| Status::unavailable("the leader takes no more records"))??;
        }
    }

    fn obey(&self, open: &mut Open, instruction: AgentInstruction) {
        match instruction.message {
            Some(Instruction::Ack(ack)) => {
                self.post.acknowledge(&open.journal, ack.acknowledged);
                while open.flying.front().is_some_and(|last| *last <= ack.acknowledged) {
                    open.flying.pop_front();
                }
            }
            Some(Instruction::Command(command)) => {
                if let Err(error) = self.commands.try_send(command) {
                    tracing::warn!(%error, "too many commands at once; the leader will say it again");
                }
            }
            Some(Instruction::Welcome(_)) | None => {}
        }
    }

    /// Sends what the window has room for; a batch without records only when a heartbeat is due.
    async fn send(&self, open: &mut Open, due: bool) -> Result<(), Status> {
        let mut due = due;
        loop {
            let full = open.flying.len() >= WINDOW;
            let room = if full { 0 } else { BATCH_BYTES };
            // A full window lets heartbeats pass: they say that we live and wait.
            let from = if full { u64::MAX } else { open.sent };
            let batch = self.post.batch(from, room, self.host.now());
            match batch.records.last() {
                Some(last) => {
                    open.sent = last.sequence;
                    open.flying.push_back(last.sequence);
                }
                None if !due => return Ok(()),
                None => {}
            }
            due = false;
            let message = AgentMessage { message: Some(Message::Batch(batch)) };
            open.up.send(message).await.map_err(|_| Status::unavailable("the stream is closed"))?;
        }
    }
}

fn welcome(first: Option<AgentInstruction>) -> Result<AgentWelcome, Status> {
    match first.and_then(|first| first.message) {
        Some(Instruction::Welcome(welcome)) => Ok(welcome),
        _ => Err(Status::internal("the leader did not begin with a welcome")),
    }
}

fn refused(status: &Status) -> Ended {
    Ended { welcomed: false, reason: said(status) }
}

fn said(status: &Status) -> String {
    format!("{} ({:?})", status.message(), status.code())
}
