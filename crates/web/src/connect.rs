//! How a connection is made, and where plain HTTP may go.

use std::io;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::{BoxError, Service};

/// Where plain HTTP may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plain {
    /// To this machine.
    #[default]
    Loopback,
    /// Anywhere: somebody has said so.
    Anywhere,
}

/// Makes TCP connections; the TLS of `https` comes above.
#[derive(Clone)]
pub(crate) struct Reach {
    tcp: HttpConnector,
    plain: Plain,
}

impl Reach {
    pub(crate) fn new(plain: Plain) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self { tcp, plain }
    }
}

impl Service<Uri> for Reach {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let bound_here = self.plain == Plain::Loopback && to.scheme_str() != Some("https");
        let connecting = self.tcp.call(to);
        Box::pin(async move {
            let stream = connecting.await?;
            // What the name resolved to is judged, so that no answer of a name server can change it.
            if bound_here && !stream.inner().peer_addr()?.ip().is_loopback() {
                return Err(io::Error::from(io::ErrorKind::PermissionDenied).into());
            }
            Ok(stream)
        })
    }
}
