//! `argosy.v1.Joining`: a token and a request in, a certificate out.
//!
//! In this order: who was refused too often is not looked at; what is no token and no request is refused here; the coordinator's leader
//! lets the agent in and counts the use; this node signs. When the answer is lost the agent asks again with the same key, which is
//! the same use.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use argosy_proto::argosy::v1::joining_server::Joining;
use argosy_proto::argosy::v1::{AdmitAgentRequest, IssuedIdentity, JoinRequest};
use argosy_proto::authz::Role;
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status};

use super::knocks::Knocks;
use super::{JoinToken, Office};
use crate::api::TokenService;
use crate::authz::{PeerIdentity, Principal};
use crate::metrics::names;
use crate::pki::SigningRequest;

/// The service.
#[derive(Clone)]
pub(crate) struct Desk {
    book: TokenService,
    office: Arc<Office>,
    knocks: Arc<Knocks>,
}

impl Desk {
    /// The desk of a node that asks `book` and signs with `office`.
    pub(crate) fn new(book: TokenService, office: Arc<Office>, refusals_a_minute: u32) -> Self {
        Self { book, office, knocks: Arc::new(Knocks::new(refusals_a_minute)) }
    }

    async fn admit(&self, ask: &JoinRequest, from: Option<SocketAddr>) -> Result<IssuedIdentity, Status> {
        let token = JoinToken::parse(&ask.token).map_err(|error| Status::unauthenticated(error.to_string()))?;
        let request =
            SigningRequest::read(&ask.request).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let agent = Principal::new(Role::Agent, &ask.agent_id).ok_or_else(no_name)?;
        let admission = AdmitAgentRequest {
            token_id: token.id().to_owned(),
            secret_hash: token.secret_hash().to_vec().into(),
            agent: agent.id().to_owned(),
            key: request.key_hash().to_vec().into(),
        };
        self.book.admit(Request::new(admission)).await?;
        let issued = self.office.issue(&agent, &request)?;
        let from = from.map(tracing::field::display);
        tracing::info!(target: "argosy::audit", who = %agent, from, token = token.id(), "joined");
        Ok(issued)
    }
}

#[tonic::async_trait]
impl Joining for Desk {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<IssuedIdentity>, Status> {
        let from = request.extensions().get::<PeerIdentity>().and_then(|peer| peer.address);
        let address: Option<IpAddr> = from.map(|from| from.ip());
        if !self.knocks.lets(address, Instant::now()) {
            count("turned_away");
            return Err(too_often());
        }
        let joined = self.admit(request.get_ref(), from).await;
        match &joined {
            Ok(_) => count("joined"),
            Err(status) if is_the_callers_fault(status) => {
                count("refused");
                self.knocks.refused(address, Instant::now());
                let (from, agent) = (from.map(tracing::field::display), &request.get_ref().agent_id);
                tracing::warn!(target: "argosy::audit", who = ?agent, from, reason = status.message(), "join refused");
            }
            Err(_) => count("failed"),
        }
        joined.map(Response::new)
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(names::JOINS, "outcome" => outcome).increment(1);
}

fn is_the_callers_fault(status: &Status) -> bool {
    use Code::{AlreadyExists, InvalidArgument, PermissionDenied, Unauthenticated};
    matches!(status.code(), AlreadyExists | InvalidArgument | PermissionDenied | Unauthenticated)
}

fn no_name() -> Status {
    Status::invalid_argument(
        "ARG-0721: the request names no agent: a name is 1 to 253 letters, digits and . _ ~ : -; correct `agent_id`",
    )
}

fn too_often() -> Status {
    Status::resource_exhausted(
        "ARG-0723: too many attempts from this address were refused; correct the token or the name, and wait a minute",
    )
}
