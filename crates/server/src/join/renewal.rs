//! `argosy.v1.AgentIdentity`: a fresh certificate for an agent that has one.
//!
//! The identity is that of the connection, whatever the request says. Nobody else is asked, so agents keep their identities while the
//! coordinator is gone.

use std::sync::Arc;

use argosy_proto::argosy::v1::agent_identity_server::AgentIdentity;
use argosy_proto::argosy::v1::{IssuedIdentity, RenewRequest};
use argosy_proto::authz::Role;
use tonic::{Request, Response, Status};

use super::Office;
use crate::authz::{Identity, IdentityError};
use crate::metrics::names;
use crate::pki::SigningRequest;

/// The service.
#[derive(Clone)]
pub(crate) struct RenewalService {
    office: Option<Arc<Office>>,
}

impl RenewalService {
    /// The service of a node.
    pub(crate) fn new(office: Option<Arc<Office>>) -> Self {
        Self { office }
    }

    fn renewed(&self, request: &Request<RenewRequest>) -> Result<IssuedIdentity, Status> {
        let agent = match request.extensions().get::<Identity>() {
            Some(Identity::Certified(principal)) if principal.role() == Role::Agent => principal,
            _ => return Err(Status::permission_denied(IdentityError::None.to_string())),
        };
        let office = self.office.as_deref().ok_or_else(no_office)?;
        let asked = SigningRequest::read(&request.get_ref().request);
        let asked = asked.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let issued = office.issue(agent, &asked)?;
        tracing::info!(%agent, "certificate renewed");
        Ok(issued)
    }
}

fn no_office() -> Status {
    Status::unavailable("ARG-0722: this node issues no certificates; ask another, or give it `join.authority_key`")
}

#[tonic::async_trait]
impl AgentIdentity for RenewalService {
    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<IssuedIdentity>, Status> {
        let renewed = self.renewed(&request);
        let outcome = if renewed.is_ok() { "renewed" } else { "refused" };
        metrics::counter!(names::AGENT_RENEWALS, "outcome" => outcome).increment(1);
        renewed.map(Response::new)
    }
}
