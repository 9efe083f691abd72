//! A network that takes requests and brings no answers.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use argosy_server::config::HostPort;
use argosy_server::tls::Connect;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes of a caller: more than a handshake has, and fewer than a handshake and a request to join.
const HANDSHAKE: usize = 800;

/// Connects, and goes deaf once a request is on its way.
#[derive(Clone)]
pub(crate) struct OneWay;

pub(crate) struct Line {
    io: TcpStream,
    written: usize,
}

impl Connect for OneWay {
    type Io = Line;

    async fn connect(&self, to: &HostPort, _: bool) -> io::Result<Line> {
        Ok(Line { io: TcpStream::connect((to.host(), to.port())).await?, written: 0 })
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.written > HANDSHAKE { Poll::Pending } else { Pin::new(&mut self.io).poll_read(cx, buf) }
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(bytes)) = &written {
            self.written += bytes;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
