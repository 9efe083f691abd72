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

/// Certificates for one address in a minute. It is room for a hall of machines behind one address that start together, and an end to
/// one that asks again and again for the certificate that it has.
const JOINS_A_MINUTE: u32 = 3_000;

/// What a caller did wrong, as the readers of its request and the book say it.
const CALLERS_FAULTS: [&str; 8] =
    ["ARG-0715", "ARG-0716", "ARG-0717", "ARG-0718", "ARG-0719", "ARG-0720", "ARG-0721", "ARG-0728"];

/// The service.
#[derive(Clone)]
pub(crate) struct Desk {
    book: TokenService,
    office: Arc<Office>,
    refused: Arc<Knocks>,
    joined: Arc<Knocks>,
}

impl Desk {
    /// The desk of a node that asks `book` and signs with `office`.
    pub(crate) fn new(book: TokenService, office: Arc<Office>, refusals_a_minute: u32) -> Self {
        let knocks = |most| Arc::new(Knocks::new(most));
        Self { book, office, refused: knocks(refusals_a_minute), joined: knocks(JOINS_A_MINUTE) }
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
        self.book.admit(Request::new(admission)).await.map_err(between_nodes)?;
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
        let now = Instant::now();
        if !self.refused.lets(address, now) || !self.joined.lets(address, now) {
            count("turned_away");
            return Err(too_often());
        }
        let joined = self.admit(request.get_ref(), from).await;
        match &joined {
            Ok(_) => {
                count("joined");
                self.joined.count(address, Instant::now());
            }
            Err(status) if is_the_callers_fault(status) => {
                count("refused");
                self.refused.count(address, Instant::now());
                let (from, who) = (from.map(tracing::field::display), named(&request.get_ref().agent_id));
                tracing::warn!(target: "argosy::audit", who, from, reason = status.message(), "join refused");
            }
            Err(_) => count("failed"),
        }
        joined.map(Response::new)
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(names::JOINS, "outcome" => outcome).increment(1);
}

/// Who asks to be let in, for a log: what cannot be a name is a stranger's text, of any length.
fn named(agent: &str) -> String {
    Principal::new(Role::Agent, agent).map_or_else(|| "no name".to_owned(), |principal| principal.to_string())
}

fn is_the_callers_fault(status: &Status) -> bool {
    CALLERS_FAULTS.iter().any(|code| status.message().starts_with(code))
}

/// What nodes have against one another, as when one is of an older release, the caller cannot mend: it is to try again.
fn between_nodes(status: Status) -> Status {
    use Code::{AlreadyExists, InvalidArgument, PermissionDenied, Unauthenticated};
    let is_final = matches!(status.code(), AlreadyExists | InvalidArgument | PermissionDenied | Unauthenticated);
    if is_final && !is_the_callers_fault(&status) { Status::unavailable(status.message()) } else { status }
}

fn no_name() -> Status {
    Status::invalid_argument(
        "ARG-0721: the request names no agent: a name is 1 to 253 letters, digits and . _ ~ : -; correct `agent_id`",
    )
}

fn too_often() -> Status {
    Status::resource_exhausted(
        "ARG-0723: too many attempts came from this address; if they were refused, correct the token or the name; wait a minute",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nodes_have_against_one_another_is_not_the_callers_fault() {
        let said = |code, text: &str| is_the_callers_fault(&Status::new(code, text));
        assert!(said(Code::PermissionDenied, "ARG-0716: join token 'x' has expired"));
        assert!(said(Code::Unauthenticated, "ARG-0715: this join token is not known"));
        assert!(!said(Code::PermissionDenied, "ARG-0705: node/n1 may not call AdmitAgent"), "an older leader");
        assert!(!said(Code::Unauthenticated, "ARG-0704: the certificate carries no identity"), "the node's own");
        assert!(!said(Code::Unavailable, "ARG-0652: nobody leads"));
        let told = |code, text: &str| between_nodes(Status::new(code, text)).code();
        assert_eq!(told(Code::PermissionDenied, "ARG-0705: node/n1 may not call"), Code::Unavailable, "come again");
        assert_eq!(told(Code::AlreadyExists, "ARG-0720: another key"), Code::AlreadyExists);
    }

    #[test]
    fn a_log_shows_names_and_no_other_text_of_a_stranger() {
        assert_eq!(named("m-1"), "agent/m-1");
        for text in ["", "m-1\n2026-01-01 joined", "argosy join", &"x".repeat(16_384)] {
            assert_eq!(named(text), "no name");
        }
    }
}
