//! The seam to the network: how a node gets a channel to another one.
//!
//! Production supplies mutual TLS here, simulation its own connector. Above it everything is the same gRPC.

use std::time::Duration;

use argosy_storage::NodeId;
use tonic::transport::{Channel, Endpoint};

/// Gives channels to other nodes.
///
/// One channel per node is asked for, and every group of this node shares it. The channel connects lazily and re-connects by
/// itself, so this call neither blocks nor fails because a node is down.
pub trait Connect: Send + Sync + 'static {
    /// A channel to `node`.
    ///
    /// # Errors
    /// When no address is known for the node.
    fn channel(&self, node: NodeId) -> Result<Channel, ConnectError>;
}

/// No channel can be had for a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Nobody said where the node is.
    #[error("ARG-0310: no address is known for node {0}; add it to the placement or remove the node from its groups")]
    UnknownNode(NodeId),
    /// The address or the TLS settings are no good.
    #[error("ARG-0310: node {node} cannot be connected to: {reason}")]
    Invalid {
        /// The node.
        node: NodeId,
        /// What is wrong.
        reason: String,
    },
}

/// Sets what every channel between nodes needs: keep-alive also while idle, so that a dead connection is found and replaced within
/// about two seconds, a bounded connect, no Nagle delay.
#[must_use]
pub fn peer_endpoint(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(Duration::from_millis(1_000))
        .http2_keep_alive_interval(Duration::from_millis(1_000))
        .keep_alive_timeout(Duration::from_millis(1_000))
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
}
