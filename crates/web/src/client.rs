//! The client: one request in, one whole answer out.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::connect::{Plain, Reach};
use crate::error::WebError;

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Connections that nobody uses, to one host.
const IDLE_CONNECTIONS: usize = 16;

/// What one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// From the first packet to the last byte of the answer.
    pub time: Duration,
    /// Bytes of the answer's body.
    pub answer: usize,
}

/// An HTTP/1.1 client. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<Reach>, Full<Bytes>>,
}

impl Client {
    /// A client that trusts the platform's certificate authorities.
    ///
    /// # Errors
    /// [`WebError::Authorities`] when TLS cannot be set up.
    pub fn new(plain: Plain) -> Result<Self, WebError> {
        let mut roots = RootCertStore::empty();
        // A platform without any is served all the same: what it cannot check it does not trust.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::trusting(roots, plain)
    }

    /// A client that trusts the certificate authorities of a PEM file, and no other.
    ///
    /// # Errors
    /// [`WebError::Authorities`] when the file cannot be read or holds none.
    pub fn with_authorities(file: &Path, plain: Plain) -> Result<Self, WebError> {
        let refuse = |why: String| WebError::Authorities(format!("{}: {why}", file.display()));
        let mut roots = RootCertStore::empty();
        let found = CertificateDer::pem_file_iter(file).map_err(|error| refuse(error.to_string()))?;
        for certificate in found {
            let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
            roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(refuse("it holds no certificate".to_owned()));
        }
        Self::trusting(roots, plain)
    }

    fn trusting(roots: RootCertStore, plain: Plain) -> Result<Self, WebError> {
        let provider = rustls::crypto::ring::default_provider().into();
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| WebError::Authorities(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Reach::new(plain));
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Ok(Self { inner })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When there is no answer within `bounds`. Any status is an answer.
    pub async fn send(&self, request: Request<Bytes>, bounds: Bounds) -> Result<Response<Bytes>, WebError> {
        let exchange = async {
            let answer = self.inner.request(request.map(Full::new)).await.map_err(|error| unreachable_by(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, bounds.answer).collect().await;
            let body = body.map_err(|error| match error.is::<LengthLimitError>() {
                true => WebError::TooLong(bounds.answer),
                false => WebError::Unreachable(error.to_string()),
            })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        tokio::time::timeout(bounds.time, exchange).await.unwrap_or(Err(WebError::TimedOut(bounds.time)))
    }
}

/// The last cause says what happened: the ones above it only say that something did.
fn unreachable_by(error: &legacy::Error) -> WebError {
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    let is_abroad = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied && error.get_ref().is_none();
    match cause.downcast_ref::<io::Error>().is_some_and(is_abroad) {
        true => WebError::PlainAbroad,
        false => WebError::Unreachable(cause.to_string()),
    }
}
