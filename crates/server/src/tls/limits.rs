//! Limits and timers of connections, and the tonic builders they are set on.

use std::time::Duration;

use tonic::transport::{Endpoint, Server};

use crate::config::Connections;

/// Many sessions share one connection between two nodes. A reader that is slow must hold up its own stream and no other,
/// so it is the streams that are bounded, not their sum: this is all that HTTP/2 allows.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The limits and timers of the configuration's `[connections]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits(Connections);

impl From<Connections> for Limits {
    fn from(connections: Connections) -> Self {
        Self(connections)
    }
}

impl Limits {
    pub(super) const fn handshake_timeout(&self) -> Duration {
        self.0.handshake_timeout
    }

    pub(super) const fn max_handshakes(&self) -> usize {
        self.0.max_handshakes as usize
    }

    pub(super) const fn max_connections(&self) -> usize {
        self.0.max_connections as usize
    }

    /// Keep-alive is on while idle as well: a connection that lost its path would otherwise be found out by the next
    /// request, which then waits for its whole deadline.
    pub(super) fn endpoint(&self, endpoint: Endpoint, between_nodes: bool) -> Endpoint {
        let (interval, timeout) = match between_nodes {
            true => (self.0.peer_keep_alive, self.0.peer_keep_alive),
            false => (self.0.keep_alive_interval, self.0.keep_alive_timeout),
        };
        endpoint
            .connect_timeout(self.0.connect_timeout)
            .http2_keep_alive_interval(interval)
            .keep_alive_timeout(timeout)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(self.window())
            .initial_connection_window_size(CONNECTION_WINDOW)
    }

    fn window(&self) -> u32 {
        u32::try_from(self.0.stream_window).expect("the key takes at most 1GiB")
    }
}

/// A tonic server with these timers set; services and the [`Authorize`](crate::authz::Authorize) layer are the caller's.
#[must_use]
pub fn server(limits: &Limits) -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(limits.0.keep_alive_interval))
        .http2_keepalive_timeout(Some(limits.0.keep_alive_timeout))
        .initial_stream_window_size(limits.window())
        .initial_connection_window_size(CONNECTION_WINDOW)
}
