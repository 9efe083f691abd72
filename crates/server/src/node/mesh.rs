//! The other nodes of the installation: who they are, and channels to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use argosy_raft::{Connect as RaftConnect, ConnectError, NodeId, PeerCheck};
use tonic::transport::Channel;
use tonic::{Extensions, Status};

use crate::authz::{Identity, Role};
use crate::config::Config;
use crate::tls::{Connect, Dialer, Peer};

/// Makes a channel to a peer.
type Dial = Arc<dyn Fn(&Peer) -> Result<Channel, String> + Send + Sync>;

/// All nodes by number, and how to reach the others. Clones share their channels.
#[derive(Clone)]
pub struct Mesh {
    me: NodeId,
    names: Arc<BTreeMap<NodeId, String>>,
    peers: Arc<BTreeMap<NodeId, Peer>>,
    dial: Dial,
    channels: Arc<Mutex<BTreeMap<NodeId, Channel>>>,
}

impl Mesh {
    /// The nodes of the configuration, reached through `dialer`.
    pub fn new<C: Connect>(config: &Config, dialer: Dialer<C>) -> Self {
        let number = |number: u32| NodeId(u64::from(number));
        let me = number(config.node.number);
        let others = config.peers.iter();
        let mut names: BTreeMap<_, _> = others.clone().map(|peer| (number(peer.number), peer.id.to_string())).collect();
        names.insert(me, config.node.id.to_string());
        let peers = others.map(|peer| (number(peer.number), Peer::node(peer.address.clone(), peer.id.as_str())));
        Self {
            me,
            names: Arc::new(names),
            peers: Arc::new(peers.collect()),
            dial: Arc::new(move |peer| dialer.channel(peer).map_err(|error| error.to_string())),
            channels: Arc::default(),
        }
    }

    /// This node.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// The id of a node.
    #[must_use]
    pub fn name(&self, node: NodeId) -> Option<&str> {
        self.names.get(&node).map(String::as_str)
    }

    /// The number of the node with this id.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<NodeId> {
        self.names.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
    }

    /// The channel to another node that sessions and requests share. Replication has one of its own, so that a large
    /// roll-up holds up no heartbeat.
    ///
    /// # Errors
    /// When no address is known for the node.
    pub fn channel(&self, node: NodeId) -> Result<Channel, ConnectError> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&node) {
            return Ok(channel.clone());
        }
        let channel = self.fresh_channel(node)?;
        channels.insert(node, channel.clone());
        Ok(channel)
    }

    fn fresh_channel(&self, node: NodeId) -> Result<Channel, ConnectError> {
        let peer = self.peers.get(&node).ok_or(ConnectError::UnknownNode(node))?;
        (self.dial)(peer).map_err(|reason| ConnectError::Invalid { node, reason })
    }
}

impl RaftConnect for Mesh {
    fn channel(&self, node: NodeId) -> Result<Channel, ConnectError> {
        self.fresh_channel(node)
    }
}

impl PeerCheck for Mesh {
    /// The certificate must be that of the node that the peer claims to be.
    fn check(&self, extensions: &Extensions, claimed: NodeId) -> Result<(), Box<Status>> {
        let unknown = || Status::permission_denied(format!("ARG-0310: node {claimed} is not one of this installation"));
        let name = self.name(claimed).ok_or_else(unknown)?;
        let identity = extensions.get::<Identity>().ok_or_else(unidentified)?;
        identity.require(Role::Node, name).map_err(Box::new)
    }
}

/// The gate in front of the services puts the identity there; without the gate nobody is let in.
pub(super) fn unidentified() -> Status {
    Status::permission_denied("ARG-0704: the connection carries no identity")
}
