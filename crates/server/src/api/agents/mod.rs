//! `argosy.v1.NodeAgents` on any node: agents' streams, and what people ask about them.

mod attach;

use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::node_agents_client::NodeAgentsClient;
use argosy_proto::argosy::v1::node_agents_server::NodeAgents;
use argosy_proto::argosy::v1::{
    AgentCommandKind, AgentDetail, AgentInstruction, AgentMessage, AsOf, CommandAgentRequest, CommandAgentResponse,
    GetAgentRequest, ListAgentsRequest, ListAgentsResponse,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::refusal;
use super::site::{Place, Site, passed_on};
use crate::leader::{Agents, Leader};

/// Longest wait for the result of a command.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Longest time that a command may take.
const LONGEST_DEADLINE_MS: u64 = 24 * 60 * 60 * 1_000;
/// Largest answer that is passed on, bytes.
const LARGEST_ANSWER: usize = 64 << 20;

/// The service.
#[derive(Clone)]
pub struct AgentService {
    site: Arc<Site>,
}

/// Where a shard's agents are known.
enum Source {
    Here(Arc<Leader>),
    There(Box<NodeAgentsClient<tonic::transport::Channel>>),
}

impl AgentService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    async fn source<T>(&self, shard: &str, request: &Request<T>) -> Result<Source, Status> {
        match self.site.place(shard, request).await? {
            Place::Here(replica) => replica.leader().map(Source::Here).ok_or_else(refusal::no_leader),
            Place::There(channel) => {
                let client = NodeAgentsClient::new(channel).max_decoding_message_size(LARGEST_ANSWER);
                Ok(Source::There(Box::new(client)))
            }
        }
    }

    /// The shards to ask: the one that was named, or all.
    fn shards(&self, named: &str) -> Result<Vec<String>, Status> {
        if named.is_empty() {
            return Ok(self.site.placement.shards.iter().map(|shard| shard.id.to_string()).collect());
        }
        self.site.shard(named).map(|shard| vec![shard.id.to_string()])
    }
}

/// The same request about one shard, from the same caller.
fn about<T, U>(request: &Request<T>, ask: U) -> Request<U> {
    let mut next = Request::new(ask);
    *next.extensions_mut() = request.extensions().clone();
    *next.metadata_mut() = request.metadata().clone();
    next
}

fn unheard(machine: &str) -> Status {
    Status::not_found(format!(
        "ARG-1110: no leader has heard of an agent of '{machine}' since it leads; `argosy agents` lists those that there are"
    ))
}

#[tonic::async_trait]
impl NodeAgents for AgentService {
    type AttachStream = ReceiverStream<Result<AgentInstruction, Status>>;

    async fn attach(&self, request: Request<Streaming<AgentMessage>>) -> Result<Response<Self::AttachStream>, Status> {
        attach::serve(Arc::clone(&self.site), request).map(Response::new)
    }

    async fn list_agents(&self, request: Request<ListAgentsRequest>) -> Result<Response<ListAgentsResponse>, Status> {
        let mut answer = ListAgentsResponse::default();
        for shard in self.shards(&request.get_ref().shard)? {
            let one = about(&request, ListAgentsRequest { shard: shard.clone() });
            let rows = match self.source(&shard, &one).await {
                Ok(Source::Here(leader)) => Ok(leader.agents().rows()),
                Ok(Source::There(mut client)) => {
                    client.list_agents(passed_on(one)).await.map(|rows| rows.into_inner().agents)
                }
                Err(status) => Err(status),
            };
            match rows {
                Ok(rows) => answer.agents.extend(rows),
                Err(status) => drop(answer.unanswered.insert(shard, status.message().to_owned())),
            }
        }
        answer.agents.sort_by(|a, b| a.machine.cmp(&b.machine));
        Ok(Response::new(answer))
    }

    async fn get_agent(&self, request: Request<GetAgentRequest>) -> Result<Response<AgentDetail>, Status> {
        let machine = request.get_ref().machine.clone();
        let mut unanswered = None;
        for shard in self.shards(&request.get_ref().shard)? {
            let one = about(&request, GetAgentRequest { machine: machine.clone(), shard: shard.clone() });
            let answer = match self.source(&shard, &one).await {
                Ok(Source::Here(leader)) => self.detail(&leader, &machine),
                Ok(Source::There(mut client)) => {
                    client.get_agent(passed_on(one)).await.map(Response::into_inner).map_err(refusal::relayed)
                }
                Err(status) => Err(status),
            };
            match answer {
                Err(status) if status.code() == Code::NotFound => {}
                Err(status) => unanswered = Some(status),
                Ok(detail) => return Ok(Response::new(detail)),
            }
        }
        Err(unanswered.unwrap_or_else(|| unheard(&machine)))
    }

    async fn command_agent(
        &self,
        request: Request<CommandAgentRequest>,
    ) -> Result<Response<CommandAgentResponse>, Status> {
        let ask = request.get_ref().clone();
        let command = ask.command.clone().unwrap_or_default();
        let wait = Duration::from_millis(ask.wait_ms).min(LONGEST_WAIT);
        if command.reason.is_empty() {
            return Err(refusal::no_reason());
        }
        let known = command.kind() != AgentCommandKind::Unspecified && !command.id.is_empty();
        if !known || !(1..=LONGEST_DEADLINE_MS).contains(&command.deadline_ms) {
            return Err(Status::invalid_argument(
                "ARG-1111: a command has an id, a kind, and a deadline of 1 ms to 24 h; nothing was sent",
            ));
        }
        let mut unanswered = None;
        for shard in self.shards(&ask.shard)? {
            let one = about(&request, CommandAgentRequest { shard: shard.clone(), ..ask.clone() });
            let answer = match self.source(&shard, &one).await {
                Ok(Source::Here(leader)) => order(leader.agents(), &ask, &command, wait).await,
                Ok(Source::There(mut client)) => {
                    client.command_agent(passed_on(one)).await.map(Response::into_inner).map_err(refusal::relayed)
                }
                Err(status) => Err(status),
            };
            match answer {
                Err(status) if status.code() == Code::NotFound => {}
                Err(status) => unanswered = Some(status),
                Ok(answer) => return Ok(Response::new(answer)),
            }
        }
        Err(unanswered.unwrap_or_else(|| unheard(&ask.machine)))
    }
}

impl AgentService {
    fn detail(&self, leader: &Leader, machine: &str) -> Result<AgentDetail, Status> {
        let mut detail = leader.agents().detail(machine).ok_or_else(|| unheard(machine))?;
        detail.as_of = Some(AsOf {
            shard: leader.shard().to_owned(),
            revision: leader.view().applied,
            term: leader.term(),
            shard_time_ms: leader.now().0,
            node: self.site.node.id.to_string(),
            stale_ms: 0,
        });
        Ok(detail)
    }
}

async fn order(
    agents: &Agents,
    ask: &CommandAgentRequest,
    command: &argosy_proto::argosy::v1::AgentCommand,
    wait: Duration,
) -> Result<CommandAgentResponse, Status> {
    if agents.detail(&ask.machine).is_none() {
        return Err(unheard(&ask.machine));
    }
    let update = agents.command(&ask.machine, command.clone(), wait).await?;
    Ok(CommandAgentResponse { update: Some(update) })
}
