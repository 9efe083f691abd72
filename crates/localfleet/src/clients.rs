//! How a supervisor talks to its fleet: over the nodes' own port, with an administrator's certificate, as any tool would.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::admin_client::AdminClient;
use argosy_proto::argosy::v1::fleet_client::FleetClient;
use argosy_proto::argosy::v1::join_tokens_client::JoinTokensClient;
use argosy_proto::argosy::v1::lockstep_client::LockstepClient;
use argosy_proto::argosy::v1::machine_health_client::MachineHealthClient;
use argosy_proto::argosy::v1::machine_repair_client::MachineRepairClient;
use argosy_proto::argosy::v1::node_agents_client::NodeAgentsClient;
use argosy_proto::argosy::v1::pools_client::PoolsClient;
use argosy_proto::argosy::v1::sim_provider_client::SimProviderClient;
use argosy_proto::authz::Role;
use argosy_server::config::HostPort;
use argosy_server::tls::{Credentials, Dialer, Limits, Peer, Security};
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::blueprint::Blueprint;
use crate::certificates;
use crate::error::FleetError;
use crate::files::Layout;

/// Largest answer that a supervisor takes, bytes.
const LARGEST_ANSWER: usize = 256 << 20;

/// Channels to every process of a fleet. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients {
    layout: Layout,
    addresses: BTreeMap<String, HostPort>,
    nodes: BTreeMap<String, Channel>,
    provider: Channel,
}

impl Clients {
    /// Channels with the administrator's certificate. They connect when they are used.
    pub fn new(layout: &Layout, blueprint: &Blueprint) -> Result<Self, FleetError> {
        let dialer = dialer(layout, Role::Admin, "")?;
        let channel = |peer: &Peer, name: &str| {
            let failed = |error: &dyn std::fmt::Display| unreachable_peer(name, &error.to_string());
            dialer.channel(peer).map_err(|error| failed(&error))
        };
        let addresses: BTreeMap<_, _> =
            blueprint.nodes.iter().map(|node| (node.id.clone(), HostPort::from(node.address))).collect();
        let nodes =
            addresses.iter().map(|(id, address)| Ok((id.clone(), channel(&Peer::node(address.clone(), id), id)?)));
        let nodes = nodes.collect::<Result<_, FleetError>>()?;
        let site = &blueprint.provider;
        let provider = channel(&Peer::provider(HostPort::from(site.address), &site.name), &site.name)?;
        Ok(Self { layout: layout.clone(), addresses, nodes, provider })
    }

    /// Reads through one node.
    pub fn fleet(&self, node: &str) -> Result<FleetClient<Channel>, Status> {
        Ok(FleetClient::new(self.node(node)?).max_decoding_message_size(LARGEST_ANSWER))
    }

    /// Changes through one node.
    pub fn admin(&self, node: &str) -> Result<AdminClient<Channel>, Status> {
        self.node(node).map(AdminClient::new)
    }

    /// Looks at pools and changes them through one node.
    pub fn pools(&self, node: &str) -> Result<PoolsClient<Channel>, Status> {
        self.node(node).map(PoolsClient::new)
    }

    /// Looks at the health of machines through one node, and says whether verdicts act.
    pub fn health(&self, node: &str) -> Result<MachineHealthClient<Channel>, Status> {
        self.node(node).map(MachineHealthClient::new)
    }

    /// Looks at repairs through one node, and steers them.
    pub fn repair(&self, node: &str) -> Result<MachineRepairClient<Channel>, Status> {
        self.node(node).map(MachineRepairClient::new)
    }

    /// Looks at agents through one node.
    pub fn agents(&self, node: &str) -> Result<NodeAgentsClient<Channel>, Status> {
        Ok(NodeAgentsClient::new(self.node(node)?).max_decoding_message_size(LARGEST_ANSWER))
    }

    /// Makes join tokens through one node.
    pub fn tokens(&self, node: &str) -> Result<JoinTokensClient<Channel>, Status> {
        self.node(node).map(JoinTokensClient::new)
    }

    /// Steps shards through one node.
    pub fn lockstep(&self, node: &str) -> Result<LockstepClient<Channel>, Status> {
        Ok(LockstepClient::new(self.node(node)?).max_decoding_message_size(LARGEST_ANSWER))
    }

    /// Steers the simulated provider.
    pub fn provider(&self) -> SimProviderClient<Channel> {
        SimProviderClient::new(self.provider.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// What an operator's session of `cluster` dials with: node ids in, channels out.
    pub fn dialler(
        &self,
        cluster: &str,
    ) -> Result<impl Fn(&str) -> Result<Channel, tonic::transport::Error> + Send + Sync + 'static, FleetError> {
        let dialer = dialer(&self.layout, Role::Cluster, cluster)?;
        let channels = self.addresses.iter().map(|(id, address)| {
            let channel = dialer.channel(&Peer::node(address.clone(), id));
            channel.map(|channel| (id.clone(), channel)).map_err(|error| unreachable_peer(id, &error.to_string()))
        });
        let channels: BTreeMap<String, Channel> = channels.collect::<Result<_, _>>()?;
        // A session is given the fleet's own node ids, so one that is not there can only be a mistake in this program.
        Ok(move |node: &str| Ok(channels.get(node).expect("a session dials nodes of its fleet").clone()))
    }

    fn node(&self, node: &str) -> Result<Channel, Status> {
        self.nodes.get(node).cloned().ok_or_else(|| Status::not_found(format!("there is no node '{node}'")))
    }
}

/// A question that its receiver may let go of after `limit`. Whoever must have an answer in time waits no longer than that himself: the
/// deadline that travels with a call does not count while its channel still connects.
pub fn within<T>(limit: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}

fn dialer(layout: &Layout, role: Role, id: &str) -> Result<Dialer, FleetError> {
    let files = certificates::files(&layout.pki(), &certificates::holder(role, id)?);
    let credentials = Credentials::load(&files).map_err(|error| FleetError::Certificates(error.to_string()))?;
    Ok(Dialer::new(Security::Mutual(Arc::new(credentials)), Limits::default()))
}

fn unreachable_peer(name: &str, what: &str) -> FleetError {
    FleetError::Unreachable { name: name.to_owned(), what: what.to_owned() }
}
