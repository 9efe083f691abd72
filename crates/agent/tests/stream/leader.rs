//! A leader, as a test plays it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use argosy_proto::argosy::v1::agent_instruction::Message as Down;
use argosy_proto::argosy::v1::agent_message::Message as Up;
use argosy_proto::argosy::v1::node_agents_server::{NodeAgents, NodeAgentsServer};
use argosy_proto::argosy::v1::{
    AgentAck, AgentCommand, AgentDetail, AgentHello, AgentInstruction, AgentMessage, AgentRecord, AgentWelcome,
    CommandAgentRequest, CommandAgentResponse, GetAgentRequest, ListAgentsRequest, ListAgentsResponse,
};
use futures::Stream;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// No wait takes so long unless something is broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

type ToAgent = mpsc::Sender<Result<AgentInstruction, Status>>;

struct Service(mpsc::Sender<(Streaming<AgentMessage>, ToAgent)>);

#[tonic::async_trait]
impl NodeAgents for Service {
    type AttachStream = Pin<Box<dyn Stream<Item = Result<AgentInstruction, Status>> + Send>>;

    async fn attach(&self, request: Request<Streaming<AgentMessage>>) -> Result<Response<Self::AttachStream>, Status> {
        let (to_agent, instructions) = mpsc::channel(16);
        let taken = self.0.try_send((request.into_inner(), to_agent));
        taken.map_err(|_| Status::unavailable("nobody leads"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(instructions))))
    }
    async fn list_agents(&self, _: Request<ListAgentsRequest>) -> Result<Response<ListAgentsResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }
    async fn get_agent(&self, _: Request<GetAgentRequest>) -> Result<Response<AgentDetail>, Status> {
        Err(Status::unimplemented("not played"))
    }
    async fn command_agent(&self, _: Request<CommandAgentRequest>) -> Result<Response<CommandAgentResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }
}

pub(crate) struct Leader {
    port: u16,
    streams: mpsc::Receiver<(Streaming<AgentMessage>, ToAgent)>,
}

pub(crate) struct Session {
    pub(crate) hello: AgentHello,
    /// Every record of this session.
    pub(crate) all: Vec<AgentRecord>,
    /// How many batches with records have come.
    pub(crate) batches: usize,
    /// A leader that takes nothing: no batch is acknowledged.
    pub(crate) mute: bool,
    unread: VecDeque<AgentRecord>,
    agent: Streaming<AgentMessage>,
    to_agent: ToAgent,
}

impl Leader {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (sender, streams) = mpsc::channel(1);
        let server = tonic::transport::Server::builder().add_service(NodeAgentsServer::new(Service(sender)));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { port, streams }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The next session; this leader knows nothing of its journal.
    pub(crate) async fn session(&mut self) -> Session {
        self.session_with(0).await
    }

    /// The next session that is alive; everything up to `acknowledged` was taken before.
    pub(crate) async fn session_with(&mut self, acknowledged: u64) -> Session {
        let taking = async {
            loop {
                let (mut agent, to_agent) = self.streams.recv().await.expect("the server runs");
                // A stream of an agent that has died meanwhile has no greeting to read.
                let Ok(Some(AgentMessage { message: Some(Up::Hello(hello)) })) = agent.message().await else {
                    continue;
                };
                let welcome = AgentWelcome { machine: "m-1".to_owned(), acknowledged, ..AgentWelcome::default() };
                let welcomed = to_agent.send(Ok(AgentInstruction { message: Some(Down::Welcome(welcome)) })).await;
                if welcomed.is_ok() {
                    let (all, unread) = (Vec::new(), VecDeque::new());
                    return Session { hello, all, batches: 0, mute: false, unread, agent, to_agent };
                }
            }
        };
        tokio::time::timeout(LIMIT, taking).await.expect("the agent comes")
    }
}

impl Session {
    /// The records up to and with the next one that is wanted.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&AgentRecord) -> bool) -> Vec<AgentRecord> {
        let reading = async {
            let mut read = Vec::new();
            loop {
                while let Some(record) = self.unread.pop_front() {
                    let found = wanted(&record);
                    read.push(record.clone());
                    self.all.push(record);
                    if found {
                        return read;
                    }
                }
                let message = self.agent.message().await.expect("the agent is connected").expect("the stream is open");
                let Some(Up::Batch(batch)) = message.message else { panic!("a second greeting") };
                self.batches += usize::from(!batch.records.is_empty());
                let last = batch.records.last().map(|record| record.sequence).filter(|_| !self.mute);
                self.unread.extend(batch.records);
                if let Some(acknowledged) = last {
                    self.say(Down::Ack(AgentAck { acknowledged })).await;
                }
            }
        };
        tokio::time::timeout(LIMIT, reading).await.expect("the record comes")
    }

    /// Acknowledges everything that was read, and says up to where.
    pub(crate) async fn acknowledge_all(&mut self) -> u64 {
        let acknowledged = self.all.last().map_or(0, |record| record.sequence);
        self.say(Down::Ack(AgentAck { acknowledged })).await;
        acknowledged
    }

    pub(crate) async fn order(&self, command: AgentCommand) {
        self.say(Down::Command(command)).await;
    }

    async fn say(&self, message: Down) {
        self.to_agent.send(Ok(AgentInstruction { message: Some(message) })).await.expect("the agent is connected");
    }

    /// The connection breaks.
    pub(crate) fn cut(self) {
        drop(self);
    }
}
