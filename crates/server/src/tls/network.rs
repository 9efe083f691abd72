//! The seams to the network: a listener to accept from, and a way to connect. Production binds them to TCP.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use super::{Security, TlsError};
use crate::config::HostPort;

/// Something to accept connections from.
pub trait Listen: Send + 'static {
    /// One accepted connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next caller. Must not lose a caller when it is dropped while it waits.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;
}

/// A way to connect.
pub trait Connect: Clone + Send + Sync + 'static {
    /// One connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects to `to`; `secured` says whether TLS will be spoken on the connection.
    fn connect(&self, to: &HostPort, secured: bool) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

impl Listen for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, from) = Self::accept(self).await?;
        // Requests are small and somebody waits for each.
        stream.set_nodelay(true)?;
        Ok((stream, from))
    }
}

/// Connections over TCP; plaintext ones to loopback only.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Connect for Tcp {
    type Io = TcpStream;

    async fn connect(&self, to: &HostPort, secured: bool) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((to.host(), to.port())).await?;
        // The name was judged when it was configured; what it resolved to is judged here.
        if !secured {
            stays_here(stream.peer_addr()?).map_err(|e| io::Error::new(io::ErrorKind::PermissionDenied, e))?;
        }
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Listens on `address`.
///
/// # Errors
/// ARG-0707 for plaintext on an address that is not loopback; ARG-0712.
pub async fn listen(address: SocketAddr, security: &Security) -> Result<TcpListener, TlsError> {
    if matches!(security, Security::Plaintext) {
        stays_here(address)?;
    }
    TcpListener::bind(address).await.map_err(|error| TlsError::Listen { address, error })
}

/// Nobody's identity is known without TLS, so nobody but this machine may be at the other end.
fn stays_here(address: SocketAddr) -> Result<(), TlsError> {
    if address.ip().is_loopback() { Ok(()) } else { Err(TlsError::PlaintextAbroad(address.to_string())) }
}
