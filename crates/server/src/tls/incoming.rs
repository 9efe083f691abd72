//! From a listener to the connections that tonic serves.
//!
//! One task accepts; each handshake runs in a task of its own, with a deadline and a bound on their number, so that a slow
//! or silent caller delays nobody. A connection carries the identity of its peer to every request made on it; one whose
//! certificate gives no identity is served too, and every request on it is refused with the reason.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, TlsStream};
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::server::Connected;

use super::limits::Limits;
use super::network::Listen;
use super::places::{NoPlace, Place, Places};
use super::wire::Wire;
use super::{Credentials, Security};
use crate::authz::{Identity, IdentityError, PeerIdentity};

/// Connections that are ready and not yet taken by the server.
const READY: usize = 64;

/// How long to wait after the system refused to accept, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An accepted connection.
#[derive(Debug)]
pub struct Connection<Io> {
    wire: Wire<Io>,
    peer: PeerIdentity,
    /// Counts this connection until it is closed.
    _place: Place,
}

impl<Io> Connected for Connection<Io> {
    type ConnectInfo = PeerIdentity;

    fn connect_info(&self) -> PeerIdentity {
        self.peer.clone()
    }
}

/// The accepted connections; dropping it stops accepting and closes the listener.
#[derive(Debug)]
pub struct Incoming<Io> {
    ready: mpsc::Receiver<Connection<Io>>,
    _accepting: AbortOnDropHandle<()>,
}

impl<Io> Stream for Incoming<Io> {
    type Item = io::Result<Connection<Io>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(cx).map(|connection| connection.map(Ok))
    }
}

/// Accepts from `listener` until the stream returned is dropped.
pub fn accept<L: Listen>(listener: L, security: &Security, limits: &Limits) -> Incoming<L::Io> {
    let tls = match security {
        Security::Plaintext => None,
        Security::Mutual(credentials) => Some(TlsAcceptor::from(credentials.server())),
    };
    accept_through(listener, tls, limits, Places::of_peers(limits))
}

/// Accepts callers without a certificate from `listener` until the stream returned is dropped. None of them has an identity, and no
/// address has more than a few connections, so that one of them cannot keep out all others.
pub fn accept_strangers<L: Listen>(listener: L, credentials: &Credentials, limits: &Limits) -> Incoming<L::Io> {
    accept_through(
        listener,
        Some(TlsAcceptor::from(credentials.server_of_strangers())),
        limits,
        Places::of_strangers(limits),
    )
}

fn accept_through<L: Listen>(
    listener: L,
    tls: Option<TlsAcceptor>,
    limits: &Limits,
    places: Places,
) -> Incoming<L::Io> {
    let (to, ready) = mpsc::channel(READY);
    let greeter = Greeter { tls, timeout: limits.handshake_timeout(), to };
    let handshakes = Arc::new(Semaphore::new(limits.max_handshakes()));
    let accepting = tokio::spawn(accept_all(listener, greeter, handshakes, places));
    Incoming { ready, _accepting: AbortOnDropHandle::new(accepting) }
}

async fn accept_all<L: Listen>(mut listener: L, greeter: Greeter<L::Io>, handshakes: Arc<Semaphore>, places: Places) {
    let mut greeting = JoinSet::new();
    let mut full = false;
    loop {
        let turn = Arc::clone(&handshakes).acquire_owned().await.expect("the semaphore is never closed");
        while greeting.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((io, from)) => match places.take(from.ip()) {
                Ok(place) => {
                    full = false;
                    let greeter = greeter.clone();
                    greeting.spawn(async move {
                        greeter.greet(io, from, place).await;
                        drop(turn);
                    });
                }
                Err(NoPlace::Crowded) => tracing::debug!(%from, "dropped: its address has connections enough"),
                Err(NoPlace::Full) => {
                    // Once for each time that it fills up: callers that come back must not fill the log as well.
                    if !std::mem::replace(&mut full, true) {
                        tracing::warn!(%from, "dropping callers: all connections of `{}` are open", places.key);
                    }
                }
            },
            Err(error) if is_the_callers_fault(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A caller that went away before it was accepted is no reason to pause for the next one.
fn is_the_callers_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | NotConnected)
}

/// Does the handshake with one caller.
struct Greeter<Io> {
    tls: Option<TlsAcceptor>,
    timeout: Duration,
    to: mpsc::Sender<Connection<Io>>,
}

impl<Io> Clone for Greeter<Io> {
    fn clone(&self) -> Self {
        Self { tls: self.tls.clone(), timeout: self.timeout, to: self.to.clone() }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static> Greeter<Io> {
    async fn greet(self, io: Io, from: SocketAddr, place: Place) {
        let (wire, identity) = match &self.tls {
            None => (Wire::Plain(io), Ok(Identity::LoopbackPlaintext)),
            Some(tls) => match tokio::time::timeout(self.timeout, tls.accept(io)).await {
                Ok(Ok(stream)) => {
                    let identity = identity_of(stream.get_ref().1.peer_certificates());
                    (Wire::Tls(Box::new(TlsStream::Server(stream))), identity)
                }
                Ok(Err(error)) => return tracing::debug!(%from, %error, "handshake refused"),
                Err(_) => return tracing::debug!(%from, "handshake not finished in time"),
            },
        };
        let peer = PeerIdentity { address: Some(from), identity };
        // The server is shutting down when nobody takes it.
        let _ = self.to.send(Connection { wire, peer, _place: place }).await;
    }
}

fn identity_of(chain: Option<&[rustls::pki_types::CertificateDer<'_>]>) -> Result<Identity, IdentityError> {
    let leaf = chain.and_then(<[_]>::first).ok_or(IdentityError::None)?;
    Identity::from_certificate(leaf)
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncRead for Connection<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }
}
