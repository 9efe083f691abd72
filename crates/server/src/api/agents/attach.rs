//! An agent's stream on its way to the leader of its machine's shard: served here, or passed on once.
//!
//! Passing on keeps no state: what the leader acknowledged is the agent's to know, so when either side goes the stream ends, and the
//! agent comes again to whichever node it likes.

use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::agent_message::Message as Up;
use argosy_proto::argosy::v1::node_agents_client::NodeAgentsClient;
use argosy_proto::argosy::v1::{AgentHello, AgentInstruction, AgentMessage};
use argosy_proto::authz::Role;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

use super::super::site::{Place, Site, is_forwarded, passed_on};
use crate::authz::Identity;
use crate::leader::{INSTRUCTION_LANE, ToAgent};

/// From the opening of the stream to the greeting.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// How long another node may take for its first answer.
const ACCEPT_LIMIT: Duration = Duration::from_secs(5);
/// Messages that may wait on their way to the leader.
const UP_LANE: usize = 4;

/// Accepts a stream; it is served in a task of its own.
pub(super) fn serve(
    site: Arc<Site>,
    request: Request<Streaming<AgentMessage>>,
) -> Result<ReceiverStream<Result<AgentInstruction, Status>>, Status> {
    let no_identity = || Status::permission_denied("ARG-0704: the connection carries no identity");
    let identity = request.extensions().get::<Identity>().cloned().ok_or_else(no_identity)?;
    let forwarded = is_forwarded(&request) && identity.role().is_none_or(|role| role == Role::Node);
    let (metadata, extensions, mut agent) = request.into_parts();
    let (to_agent, instructions) = mpsc::channel(INSTRUCTION_LANE);
    tokio::spawn(async move {
        // Read in the task: a client may wait for the response's headers before it sends its first message.
        let greeted = timeout(HELLO_LIMIT, greeting(&mut agent)).await.unwrap_or_else(|_| Err(no_greeting()));
        let allowed = greeted.and_then(|hello| {
            // A node that passes a stream on has held its greeting against the agent's certificate.
            if !forwarded {
                identity.require(Role::Agent, &hello.agent_id)?;
            }
            Ok(hello)
        });
        let call = Request::from_parts(metadata, extensions, ());
        let served = match allowed {
            Ok(hello) => route(&site, &call, hello, agent, &to_agent).await,
            Err(status) => Err(status),
        };
        if let Err(status) = served {
            tracing::debug!(code = ?status.code(), reason = status.message(), "agent refused");
            let _ = to_agent.send(Err(status)).await;
        }
    });
    Ok(ReceiverStream::new(instructions))
}

async fn greeting(agent: &mut Streaming<AgentMessage>) -> Result<AgentHello, Status> {
    match agent.message().await?.and_then(|first| first.message) {
        Some(Up::Hello(hello)) if !hello.agent_id.is_empty() && !hello.journal.is_empty() => Ok(hello),
        _ => Err(no_greeting()),
    }
}

fn no_greeting() -> Status {
    Status::invalid_argument(
        "ARG-1112: a stream begins with a greeting that names its agent and its journal, within 10 s",
    )
}

/// Takes the stream to the shard that has the machine: the one that the greeting names, or each in turn.
async fn route(
    site: &Arc<Site>,
    call: &Request<()>,
    hello: AgentHello,
    agent: Streaming<AgentMessage>,
    to_agent: &ToAgent,
) -> Result<(), Status> {
    let named = site.placement.shards.iter().find(|shard| shard.id.as_str() == hello.shard);
    let shards: Vec<String> = match named {
        Some(shard) => vec![shard.id.to_string()],
        None => site.placement.shards.iter().map(|shard| shard.id.to_string()).collect(),
    };
    let mut agent = Some(agent);
    let mut refused = Status::not_found("ARG-1101: this installation has no shards");
    for shard in shards {
        let Some(stream) = agent.take() else { break };
        let hello = AgentHello { shard: shard.clone(), ..hello.clone() };
        match site.place(&shard, call).await {
            Ok(Place::Here(replica)) => match replica.leader() {
                Some(leader) => match leader.agents().claim(&hello) {
                    Ok(()) => return leader.agents().attach(hello, stream, to_agent.clone()),
                    Err(status) => (refused, agent) = (worse(refused, status), Some(stream)),
                },
                None => (refused, agent) = (super::refusal::no_leader(), Some(stream)),
            },
            Ok(Place::There(channel)) => match pass_on(channel, call, &hello, to_agent).await {
                Ok((up, down)) => {
                    carry(stream, up, down, to_agent).await;
                    return Ok(());
                }
                Err(status) => (refused, agent) = (worse(refused, status), Some(stream)),
            },
            Err(status) => (refused, agent) = (worse(refused, status), Some(stream)),
        }
    }
    Err(refused)
}

/// A shard that could not be asked may be the one: that outweighs one that does not have the machine.
fn worse(before: Status, now: Status) -> Status {
    if now.code() == Code::NotFound && before.code() != Code::NotFound { before } else { now }
}

/// Opens the stream at the leader's node, up to and including its first answer.
async fn pass_on(
    channel: Channel,
    call: &Request<()>,
    hello: &AgentHello,
    to_agent: &ToAgent,
) -> Result<(mpsc::Sender<AgentMessage>, Streaming<AgentInstruction>), Status> {
    let (up, outgoing) = mpsc::channel(UP_LANE);
    // The lane is new and has room.
    let _ = up.try_send(AgentMessage { message: Some(Up::Hello(hello.clone())) });
    let mut request = Request::new(ReceiverStream::new(outgoing));
    *request.metadata_mut() = call.metadata().clone();
    *request.extensions_mut() = call.extensions().clone();
    let mut client = NodeAgentsClient::new(channel);
    let accepted = timeout(ACCEPT_LIMIT, async {
        let mut down = client.attach(passed_on(request)).await?.into_inner();
        let first = down.message().await?.ok_or_else(|| Status::unavailable("the leader's node closed the stream"))?;
        Ok::<_, Status>((down, first))
    });
    let late = |_| Status::unavailable("ARG-0663: the node that leads this shard did not answer in time");
    let (down, first) = accepted.await.map_err(late)??;
    let _ = to_agent.send(Ok(first)).await;
    Ok((up, down))
}

/// Carries both directions until either end goes.
async fn carry(
    mut agent: Streaming<AgentMessage>,
    up: mpsc::Sender<AgentMessage>,
    mut down: Streaming<AgentInstruction>,
    to_agent: &ToAgent,
) {
    let ascend = async {
        while let Ok(Some(message)) = agent.message().await {
            if up.send(message).await.is_err() {
                return;
            }
        }
    };
    let descend = async {
        loop {
            let instruction = match down.message().await {
                Ok(Some(instruction)) => Ok(instruction),
                Ok(None) => Err(Status::unavailable("the leader's node closed the stream")),
                Err(status) => Err(status),
            };
            let over = instruction.is_err();
            if to_agent.send(instruction).await.is_err() || over {
                return;
            }
        }
    };
    tokio::select! {
        () = ascend => {}
        () = descend => {}
        () = to_agent.closed() => {}
    }
}
