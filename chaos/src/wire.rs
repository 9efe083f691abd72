//! The network of a world behind the server's seams: turmoil's streams in place of TCP's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use argosy_server::config::HostPort;
use argosy_server::tls::{Connect, Listen};
use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint};
use turmoil::net::{TcpListener, TcpStream};

use crate::layout::Layout;

/// A connection that the other side neither takes nor refuses is given up after this time.
const GIVE_UP: Duration = Duration::from_secs(2);

/// Accepts on one host of the world.
pub(crate) struct Door(pub(crate) TcpListener);

impl Door {
    pub(crate) async fn open(port: u16) -> io::Result<Self> {
        Ok(Self(TcpListener::bind(("0.0.0.0", port)).await?))
    }
}

impl Listen for Door {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept().await
    }
}

/// Dials through the world. Addresses of the configuration are loopback, as plaintext must be; the port names the host.
#[derive(Clone)]
pub(crate) struct Road(pub(crate) Arc<Layout>);

impl Road {
    async fn dial(&self, port: u16) -> io::Result<TcpStream> {
        let host = self.0.host_of(port).ok_or(io::ErrorKind::AddrNotAvailable)?;
        // turmoil would wait for ever where the kernel gives up.
        let dialled = tokio::time::timeout(GIVE_UP, TcpStream::connect((host, port))).await;
        dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// A channel for a client that is no node.
    pub(crate) fn channel(&self, port: u16) -> Channel {
        let road = self.clone();
        Endpoint::from_static("http://127.0.0.1")
            .connect_timeout(GIVE_UP)
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true)
            .connect_with_connector_lazy(tower::service_fn(move |_: tonic::transport::Uri| {
                let road = road.clone();
                async move { road.dial(port).await.map(TokioIo::new) }
            }))
    }
}

impl Connect for Road {
    type Io = TcpStream;

    async fn connect(&self, to: &HostPort, _: bool) -> io::Result<TcpStream> {
        self.dial(to.port()).await
    }
}
