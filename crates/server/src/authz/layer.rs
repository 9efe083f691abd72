//! The gate in front of every service: identity, table, audit.
//!
//! It runs before a message is read. A call that passes carries its [`Identity`] in the request's extensions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use http::{Request, Response};
use tonic::Status;
use tower::{Layer, Service};

use super::audit::{Audit, AuditEntry, Verdict};
use super::identity::{Identity, IdentityError};
use super::table::callers;

/// What the connection knows of its peer; the acceptor puts it into the extensions of every request.
#[derive(Debug, Clone)]
pub struct PeerIdentity {
    /// Where the peer called from.
    pub address: Option<SocketAddr>,
    /// Who it is, or why that is not known.
    pub identity: Result<Identity, IdentityError>,
}

/// The layer: `Server::builder().layer(Authorize::new(audit))`.
#[derive(Clone)]
pub struct Authorize {
    audit: Arc<dyn Audit>,
}

impl Authorize {
    /// A gate that keeps its record in `audit`.
    pub fn new(audit: impl Audit) -> Self {
        Self { audit: Arc::new(audit) }
    }

    /// Decides about one call.
    fn judge(&self, path: &str, peer: Option<&PeerIdentity>) -> Result<Identity, Status> {
        let from = peer.and_then(|peer| peer.address);
        let record = |who: &str, verdict| self.audit.record(&AuditEntry { who, from, what: path, verdict });
        let identity = match peer.map(|peer| &peer.identity) {
            Some(Ok(identity)) => identity,
            Some(Err(why)) => {
                record("nobody", Verdict::Denied);
                return Err(Status::permission_denied(why.to_string()));
            }
            None => {
                record("nobody", Verdict::Denied);
                return Err(Status::permission_denied(IdentityError::None.to_string()));
            }
        };
        let callers = callers(path);
        if !callers.include(identity) {
            record(&identity.to_string(), Verdict::Denied);
            return Err(Status::permission_denied(format!(
                "ARG-0705: {identity} may not call {path}; use a certificate of a role that may, or correct the method's name"
            )));
        }
        if callers.is_admin_verb() {
            record(&identity.to_string(), Verdict::Allowed);
        }
        Ok(identity.clone())
    }
}

impl<S> Layer<S> for Authorize {
    type Service = Authorized<S>;

    fn layer(&self, inner: S) -> Authorized<S> {
        Authorized { gate: self.clone(), inner }
    }
}

/// A service behind the gate.
#[derive(Clone)]
pub struct Authorized<S> {
    gate: Authorize,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Authorized<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<R>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.gate.judge(request.uri().path(), request.extensions().get::<PeerIdentity>()) {
            Ok(identity) => {
                request.extensions_mut().insert(identity);
                Either::Left(self.inner.call(request))
            }
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}
