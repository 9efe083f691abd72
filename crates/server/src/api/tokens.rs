//! `argosy.v1.JoinTokens` on any node: the book of join tokens, which the coordinator's group keeps.
//!
//! A wrong token is refused by the leader from a view that is up to date, before anything is proposed: nobody without a token can
//! make the log grow, nor whoever asks again for what he has. What is proposed is judged again by the fold, which counts. Where an id is
//! asked for and something else is given, that may be a token with its secret: it is neither logged, nor proposed, nor said again.

use std::sync::Arc;

use argosy_coordinator::tokens::{Admission, NewToken, NoId, Standing, Token, is_id};
use argosy_coordinator::{Command, Directory, Reply};
use argosy_proto::argosy::v1::join_tokens_client::JoinTokensClient;
use argosy_proto::argosy::v1::join_tokens_server::JoinTokens;
use argosy_proto::argosy::v1::{
    AdmitAgentRequest, AdmitAgentResponse, CreateTokenRequest, JoinTokenRow, ListTokensRequest, ListTokensResponse,
    RevokeTokenRequest,
};
use argosy_shard::By;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use super::refusal;
use super::site::{COORDINATOR, Site, by, is_forwarded, passed_on};
use crate::directory::Coordinator;
use crate::join::unix_now;

/// Largest answer that is passed on, bytes: a full book.
const LARGEST_ANSWER: usize = 16 << 20;

/// The service.
#[derive(Clone)]
pub struct TokenService {
    site: Arc<Site>,
}

impl TokenService {
    /// The service of a node.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Has the coordinator's leader let an agent in and count the use, for a node that the agent came to.
    pub(crate) async fn admit(&self, request: Request<AdmitAgentRequest>) -> Result<AdmitAgentResponse, Status> {
        must_be_id(&request.get_ref().token_id)?;
        let there = async |mut client: Client, request| client.admit_agent(request).await;
        self.ask(request, admit, there).await.map(Response::into_inner)
    }

    /// Answers here if this node leads the coordinator's group, else has the node answer that does.
    async fn ask<Q, A, H, T>(&self, request: Request<Q>, here: H, there: T) -> Result<Response<A>, Status>
    where
        Q: Clone,
        H: AsyncFnOnce(&Coordinator, Q) -> Result<A, Status>,
        T: AsyncFn(Client, Request<Q>) -> Result<Response<A>, Status>,
    {
        let forwarded = is_forwarded(&request);
        let Some(coordinator) = &self.site.coordinator else {
            if forwarded {
                return Err(refusal::no_replica(COORDINATOR, self.site.node.id.as_str()));
            }
            return self.ask_around(request, there).await;
        };
        match self.site.leader(coordinator.group(), forwarded).await? {
            None => here(coordinator, request.into_inner()).await.map(Response::new),
            Some(channel) => there(client(channel), passed_on(request)).await.map_err(refusal::relayed),
        }
    }

    /// This node has no replica that would know the leader, and a request is passed on once: each voter in turn may be the one.
    async fn ask_around<Q, A, T>(&self, request: Request<Q>, there: T) -> Result<Response<A>, Status>
    where
        Q: Clone,
        T: AsyncFn(Client, Request<Q>) -> Result<Response<A>, Status>,
    {
        let (metadata, extensions, message) = request.into_parts();
        let mut last = refusal::no_leader();
        for voter in &self.site.placement.coordinator_voters {
            let again = Request::from_parts(metadata.clone(), extensions.clone(), message.clone());
            let channel = self.site.channel(self.site.number(voter.as_str())?)?;
            match there(client(channel), passed_on(again)).await {
                Err(status) if matches!(status.code(), Code::Unavailable | Code::FailedPrecondition) => last = status,
                answer => return answer.map_err(refusal::relayed),
            }
        }
        Err(refusal::relayed(last))
    }
}

type Client = JoinTokensClient<Channel>;

fn client(channel: Channel) -> Client {
    JoinTokensClient::new(channel).max_decoding_message_size(LARGEST_ANSWER)
}

#[tonic::async_trait]
impl JoinTokens for TokenService {
    async fn create_token(&self, request: Request<CreateTokenRequest>) -> Result<Response<JoinTokenRow>, Status> {
        must_be_id(&request.get_ref().id)?;
        let by = by(&request, &request.get_ref().reason)?;
        let here = async |coordinator: &Coordinator, ask| create(coordinator, ask, by).await;
        self.ask(request, here, async |mut client: Client, request| client.create_token(request).await).await
    }

    async fn list_tokens(&self, request: Request<ListTokensRequest>) -> Result<Response<ListTokensResponse>, Status> {
        let here = async |coordinator: &Coordinator, ListTokensRequest {}| {
            let (view, now) = (fresh(coordinator).await?, unix_now());
            let tokens = view.tokens().iter().map(|(id, token)| row(&view, id, token, now)).collect();
            Ok(ListTokensResponse { tokens, revision: view.revision() })
        };
        self.ask(request, here, async |mut client: Client, request| client.list_tokens(request).await).await
    }

    async fn revoke_token(&self, request: Request<RevokeTokenRequest>) -> Result<Response<JoinTokenRow>, Status> {
        must_be_id(&request.get_ref().id)?;
        let By { actor, reason } = by(&request, &request.get_ref().reason)?;
        let here = async |coordinator: &Coordinator, ask: RevokeTokenRequest| {
            let id = ask.id.clone();
            tracing::warn!(audit = true, who = actor, token = id, reason, "revocation of a join token asked for");
            propose(coordinator, Command::RevokeToken { id, by: actor, reason, at_unix_s: unix_now() }).await?;
            shown(coordinator, &ask.id)
        };
        self.ask(request, here, async |mut client: Client, request| client.revoke_token(request).await).await
    }

    async fn admit_agent(&self, request: Request<AdmitAgentRequest>) -> Result<Response<AdmitAgentResponse>, Status> {
        self.admit(request).await.map(Response::new)
    }
}

async fn create(coordinator: &Coordinator, ask: CreateTokenRequest, by: By) -> Result<JoinTokenRow, Status> {
    let CreateTokenRequest { id, secret_hash, agents, uses, lifetime_s, rejoin, .. } = ask;
    let By { actor: creator, reason } = by;
    let secret_hash = hash(&secret_hash)?;
    tracing::warn!(audit = true, who = creator, token = id, agents, uses, lifetime_s, reason, "join token asked for");
    let token = NewToken { secret_hash, agents, uses, rejoin, lifetime_s, creator, reason };
    propose(coordinator, Command::CreateToken { id: id.clone(), token, at_unix_s: unix_now() }).await?;
    shown(coordinator, &id)
}

async fn admit(coordinator: &Coordinator, ask: AdmitAgentRequest) -> Result<AdmitAgentResponse, Status> {
    let AdmitAgentRequest { token_id, secret_hash, agent, key } = ask;
    let admission = Admission { token: token_id, secret_hash: hash(&secret_hash)?, agent, key: hash(&key)? };
    let at_unix_s = unix_now();
    let judged = fresh(coordinator).await?.tokens().would_admit(&admission, at_unix_s);
    match judged.map_err(|refused| refusal::directory(&refused.into()))? {
        Standing::New => propose(coordinator, Command::AdmitAgent { admission, at_unix_s }).await?,
        Standing::Counted => {}
    }
    Ok(AdmitAgentResponse {})
}

fn must_be_id(text: &str) -> Result<(), Status> {
    if is_id(text) { Ok(()) } else { Err(Status::invalid_argument(NoId.to_string())) }
}

fn hash(bytes: &[u8]) -> Result<[u8; 32], Status> {
    let wrong = |_| Status::invalid_argument("ARG-0724: a hash has 32 bytes; nothing was changed");
    bytes.try_into().map_err(wrong)
}

/// A view that holds everything acknowledged before the call; this node must lead.
async fn fresh(coordinator: &Coordinator) -> Result<Arc<Directory>, Status> {
    coordinator.fresh().await.map_err(|error| refusal::unconfirmed(&error))
}

async fn propose(coordinator: &Coordinator, command: Command) -> Result<(), Status> {
    let proposed = coordinator.group().propose(command.encode()).await;
    let committed = proposed.map_err(|error| refusal::outcome_unknown(&error))?;
    match Reply::decode(&committed.response) {
        Some(Reply::Done) => Ok(()),
        Some(Reply::Refused(refused)) => Err(refusal::directory(&refused)),
        None => Err(refusal::outcome_unknown(&"the reply is of another release")),
    }
}

/// The token as it is after a change of it that this node has folded in.
fn shown(coordinator: &Coordinator, id: &str) -> Result<JoinTokenRow, Status> {
    let view = coordinator.view();
    let token = view.tokens().get(id).ok_or_else(|| refusal::outcome_unknown(&"it is gone again"))?;
    Ok(row(&view, id, token, unix_now()))
}

fn row(view: &Directory, id: &str, token: &Token, now: u64) -> JoinTokenRow {
    let seconds = |at: u64| i64::try_from(at).unwrap_or(i64::MAX);
    let revoked = token.revoked.as_ref();
    JoinTokenRow {
        id: id.to_owned(),
        agents: token.asked.agents.clone(),
        uses: token.asked.uses,
        rejoin: token.asked.rejoin,
        used: token.used(),
        created_unix_s: seconds(token.created_unix_s),
        expires_unix_s: seconds(token.expires.unix_s()),
        state: token.state(view.tokens().moment(now)).to_string(),
        creator: token.asked.creator.clone(),
        reason: token.asked.reason.clone(),
        revoked_by: revoked.map(|revoked| revoked.by.clone()).unwrap_or_default(),
        revoked_reason: revoked.map(|revoked| revoked.reason.clone()).unwrap_or_default(),
    }
}
