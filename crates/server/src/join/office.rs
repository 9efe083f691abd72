//! What signs for agents on a node that has the key for it.

use std::time::Duration;

use argosy_proto::argosy::v1::IssuedIdentity;
use tonic::Status;

use super::unix_now;
use crate::authz::Principal;
use crate::config::{self, Config};
use crate::pki::{AgentsAuthority, PkiError, SigningRequest, Validity, file_error};

/// Signs for agents.
#[derive(Debug)]
pub(crate) struct Office {
    authority: AgentsAuthority,
    lifetime: Duration,
    /// The authority of the installation, in PEM: whom agents are to believe.
    authorities: String,
}

impl Office {
    /// The office of a node; none where the configuration gives it no key.
    pub(crate) fn open(config: &Config) -> Result<Option<Self>, PkiError> {
        let config::Security::Tls(files) = &config.security else { return Ok(None) };
        let (Some(certificate), Some(key)) = (&config.join.authority, &config.join.authority_key) else {
            return Ok(None);
        };
        let authority = AgentsAuthority::open(certificate, key, &files.ca)?;
        let authorities = std::fs::read_to_string(&files.ca).map_err(file_error(&files.ca))?;
        Ok(Some(Self { authority, lifetime: config.join.certificate_lifetime, authorities }))
    }

    /// A certificate for an agent. Whether it may have one has been seen to.
    pub(crate) fn issue(&self, agent: &Principal, request: &SigningRequest) -> Result<IssuedIdentity, Status> {
        let signed = self.authority.issue(agent, request, Validity::lasting(self.lifetime));
        let certificate = signed.map_err(|error| {
            tracing::error!(%agent, %error, "no certificate was issued");
            Status::failed_precondition(error.to_string())
        })?;
        let now_unix_s = i64::try_from(unix_now()).unwrap_or(i64::MAX);
        Ok(IssuedIdentity { certificate, authorities: self.authorities.clone(), now_unix_s })
    }
}
