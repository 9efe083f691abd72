//! The wires between the nodes: who is where, and which of them are cut.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use argosy_raft::{Connect, ConnectError, NodeId, peer_endpoint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint, Uri};

#[derive(Clone, Default)]
pub(crate) struct Wires(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    addresses: HashMap<u64, SocketAddr>,
    cut: HashSet<u64>,
    laid: HashSet<(u64, u64)>,
}

impl Wires {
    pub(crate) fn set_address(&self, node: u64, address: SocketAddr) {
        self.0.lock().unwrap().addresses.insert(node, address);
    }

    pub(crate) fn connect(&self, from: u64) -> Arc<dyn Connect> {
        Arc::new(Socket { from, wires: self.clone() })
    }

    /// Cuts a node off from all others, both ways, also where they are connected.
    pub(crate) fn cut(&self, node: u64) {
        self.0.lock().unwrap().cut.insert(node);
    }

    pub(crate) fn mend(&self, node: u64) {
        self.0.lock().unwrap().cut.remove(&node);
    }

    /// Whether a node has connected to another one, ever.
    pub(crate) fn are_laid(&self, from: u64, to: u64) -> bool {
        self.0.lock().unwrap().laid.contains(&(from, to))
    }

    fn is_cut(&self, a: u64, b: u64) -> bool {
        let plan = self.0.lock().unwrap();
        plan.cut.contains(&a) || plan.cut.contains(&b)
    }
}

struct Socket {
    from: u64,
    wires: Wires,
}

impl Connect for Socket {
    /// Nobody has an address of itself, as in an installation.
    fn channel(&self, node: NodeId) -> Result<Channel, ConnectError> {
        let known = self.wires.0.lock().unwrap().addresses.get(&node.0).copied();
        let address = known.filter(|_| node.0 != self.from).ok_or(ConnectError::UnknownNode(node))?;
        let (from, to, wires) = (self.from, node.0, self.wires.clone());
        let connector = tower::service_fn(move |_: Uri| {
            let wires = wires.clone();
            async move {
                if wires.is_cut(from, to) {
                    return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
                }
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                wires.0.lock().unwrap().laid.insert((from, to));
                Ok(hyper_util::rt::TokioIo::new(Wire { stream, from, to, wires }))
            }
        });
        Ok(peer_endpoint(Endpoint::from_static("http://peer")).connect_with_connector_lazy(connector))
    }
}

struct Wire {
    stream: TcpStream,
    from: u64,
    to: u64,
    wires: Wires,
}

impl Wire {
    fn check(&self) -> io::Result<()> {
        if self.wires.is_cut(self.from, self.to) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
