//! Starting a node: store, replicas, leaders' supervision, services, in that order.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use argosy_proto::argosy::v1::agent_identity_server::AgentIdentityServer;
use argosy_proto::argosy::v1::session_relay_server::SessionRelayServer;
use argosy_proto::bigfleet::v1alpha1::shard_server::ShardServer;
use argosy_raft::{Group, GroupId, Host, NodeId};
use argosy_storage::{Admission, Identity, InstanceId, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::RoutesBuilder;

use super::error::NodeError;
use super::founding::{Unfounded, found};
use super::mesh::Mesh;
use super::monitor::Health;
use super::routing::{ClusterCheck, Router, Routing, StaticRouting};
use super::shards::Shards;
use super::silence;
use super::standard::mount_standard;
use super::{DoorSettings, Node, home, settings};
use crate::api::{self, TokenService};
use crate::authz::{Authorize, TracingAudit};
use crate::config::{Config, ShardPlacement};
use crate::directory::{Coordinator, DirectoryRouting, keep_filled};
use crate::join::{Desk, Office, RenewalService};
use crate::leader::{Port, Providers, supervise};
use crate::metrics;
use crate::replica::{Fold, Published, Replica};
use crate::session::{RelayService, SessionLimits, SessionService};
use crate::tls::{self, Connect, Dialer, Limits, Listen, Peer, Security};

/// How long a session looks for a leader before its operator is sent to another node.
const LEADERLESS: Duration = Duration::from_secs(20);
/// What a relay adds to the largest message of a session.
const RELAY_OVERHEAD: usize = 64 * 1024;

/// A node's ways to the world.
pub struct Setup<L, C> {
    /// The configuration.
    pub config: Config,
    /// The durable store.
    pub store: Arc<Store>,
    /// What to accept connections from.
    pub listener: L,
    /// How to connect.
    pub dialer: Dialer<C>,
    /// How accepted connections are secured.
    pub security: Security,
}

/// Runs a node over RocksDB and TCP until `shutdown` completes.
///
/// # Errors
/// When the node cannot start, or its server ends by itself.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
    let recorder = config.metrics.enabled.then(metrics::install).transpose()?;
    let security = Security::for_node(&config)?;
    let listener = tls::listen(config.node.listen, &security).await?;
    let strangers = match (config.join.listen, &security) {
        (Some(listen), Security::Mutual(credentials)) => {
            Some((tls::listen(listen, &security).await?, Arc::clone(credentials)))
        }
        _ => None,
    };
    let store = open_store(&config)?;
    let dialer = Dialer::new(security.clone(), Limits::from(config.connections.clone()));
    let probes = match recorder {
        // Anybody may look at the metrics; `listen` keeps nothing but plaintext on loopback, so it is told that this is TLS's affair.
        Some(recorder) => Some((
            tokio::net::TcpListener::bind(config.metrics.listen).await.map_err(metrics::MetricsError::from)?,
            recorder,
        )),
        None => None,
    };
    let mut node = Node::start(Setup { config, store, listener, dialer, security }).await?;
    if let Some((listener, credentials)) = strangers {
        node.open_door(listener, credentials);
    }
    let unplugged = CancellationToken::new();
    let serving = probes.map(|(listener, recorder)| {
        let health = node.health.clone();
        let until = unplugged.clone().cancelled_owned();
        tokio::spawn(metrics::serve(listener, recorder, Arc::new(move || health.reasons()), until))
    });
    let ended = tokio::select! {
        () = shutdown => Ok(()),
        error = node.broken() => Err(error),
    };
    node.shutdown().await;
    unplugged.cancel();
    if let Some(serving) = serving {
        serving.abort();
    }
    ended
}

fn open_store(config: &Config) -> Result<Arc<Store>, NodeError> {
    let identity = Identity {
        cluster: config.fleet.as_str().parse()?,
        node: NodeId(u64::from(config.node.number)),
        instance: InstanceId::random(),
    };
    // A voter of the placement may begin with an empty directory. One whose directory was lost cannot pass for its
    // former self: it has another instance now, which its groups refuse.
    Ok(Store::open_dir(&config.node.data_dir, identity, Admission::Bootstrap)?)
}

impl Node {
    /// Starts a node. It is up when this returns, and ready when its shards have leaders.
    ///
    /// # Errors
    /// When a replica cannot be opened, or the configuration does not fit what is stored.
    pub async fn start<L: Listen, C: Connect>(setup: Setup<L, C>) -> Result<Self, NodeError> {
        let Setup { config, store, listener, dialer, security } = setup;
        let limits = Limits::from(config.connections.clone());
        let mesh = Mesh::new(&config, dialer.clone());
        let host = Host::new(Arc::clone(&store), Arc::new(mesh.clone()), settings::raft(&config))?;
        let shards = open_shards(&host, &config).await?;
        let coordinator = open_coordinator(&host, &config).await?;
        let file = StaticRouting::new(&config.placement, &mesh);
        let routing: Arc<dyn Routing> = match &coordinator {
            Some(coordinator) => Arc::new(DirectoryRouting::new(coordinator.clone(), file)),
            None => Arc::new(file),
        };
        let unfounded = Unfounded::default();
        let health = Health { shards: shards.clone(), store: Arc::clone(&store), unfounded: unfounded.clone() };
        let (closing, stopping) = (CancellationToken::new(), CancellationToken::new());
        let work = TaskTracker::new();
        let assembly = Assembly { config: &config, mesh: &mesh, work: &work, stopping: &stopping, unfounded };
        assembly.supervise(&shards, &dialer)?;
        assembly.direct(coordinator.as_ref());
        work.spawn(cancellable(health.clone().watch(), stopping.clone()));

        let router = Arc::new(Router {
            shards: shards.clone(),
            mesh: mesh.clone(),
            routing,
            largest_message: largest_message(&config),
            turn: AtomicUsize::new(0),
            cut_off: silence::watch(&host, &config, &work, &stopping),
        });
        let session_limits = SessionLimits {
            sessions: config.sessions.max_sessions,
            hello_timeout: config.sessions.hello_timeout,
            leaderless: LEADERLESS,
        };
        let sessions = SessionService::new(router.clone(), Arc::new(ClusterCheck), session_limits, closing.clone());
        let relay = RelayService::new(router, closing.clone());
        let mut routes = RoutesBuilder::default();
        mount_sessions(&mut routes, &config, sessions.clone(), relay);
        let site = Arc::new(api::Site {
            node: config.node.clone(),
            placement: config.placement.clone(),
            mesh: mesh.clone(),
            shards: shards.clone(),
            coordinator,
            store: Arc::clone(&store),
        });
        api::mount(&mut routes, &site);
        let office = Office::open(&config)?.map(Arc::new);
        routes.add_service(AgentIdentityServer::new(RenewalService::new(office.clone())));
        let desk = office
            .map(|office| Desk::new(TokenService::new(Arc::clone(&site)), office, config.join.max_refusals_a_minute));
        mount_standard(&mut routes, health.clone(), &work, &stopping)?;
        routes.add_service(host.service(Some(Arc::new(mesh.clone()))));

        let unplugged = CancellationToken::new();
        let incoming = tls::accept(listener, &security, &limits);
        let server = tls::server(&limits).layer(Authorize::new(TracingAudit)).add_routes(routes.routes());
        let until = unplugged.clone().cancelled_owned();
        let server = tokio::spawn(server.serve_with_incoming_shutdown(incoming, until));
        tracing::info!(node = %config.node.id, region = %config.node.region, listen = %config.node.listen, shards = shards.iter().count(), "node started");
        let settings = DoorSettings { join: config.join, connections: config.connections };
        let door = desk.map(|desk| (desk, settings));
        Ok(Self { host, store, shards, mesh, health, sessions, door, closing, stopping, work, unplugged, server })
    }
}

fn largest_message(config: &Config) -> usize {
    usize::try_from(config.sessions.max_message).unwrap_or(usize::MAX)
}

/// Opens the replicas that the placement puts on this node.
async fn open_shards(host: &Host, config: &Config) -> Result<Shards, NodeError> {
    let mut replicas = Vec::new();
    for shard in config.placement.shards.iter().filter(|shard| is_here(shard, config)) {
        let published = Arc::new(Published::default());
        let group =
            host.open_group(GroupId(u64::from(shard.number)), Box::new(Fold::new(Arc::clone(&published)))).await?;
        let replica = Replica::new(shard.id.as_str(), group, published);
        let found = &replica.view().state;
        if found.has_begun() && found.shard() != shard.id.as_str() {
            let found = found.shard().to_owned();
            return Err(NodeError::OtherShard { group: shard.number, found, expected: shard.id.to_string() });
        }
        replicas.push(replica);
    }
    Ok(Shards::new(replicas))
}

/// Opens the directory's replica where this node votes in it.
async fn open_coordinator(host: &Host, config: &Config) -> Result<Option<Coordinator>, NodeError> {
    if !config.placement.coordinator_voters.contains(&config.node.id) {
        return Ok(None);
    }
    Ok(Some(Coordinator::open(host).await?))
}

fn is_here(shard: &ShardPlacement, config: &Config) -> bool {
    shard.voters.iter().chain(&shard.learners).any(|node| *node == config.node.id)
}

/// Starts what runs beside the services.
struct Assembly<'a> {
    config: &'a Config,
    mesh: &'a Mesh,
    work: &'a TaskTracker,
    stopping: &'a CancellationToken,
    unfounded: Unfounded,
}

impl Assembly<'_> {
    /// Founds the groups and follows their leaderships.
    fn supervise<C: Connect>(&self, shards: &Shards, dialer: &Dialer<C>) -> Result<(), NodeError> {
        for placed in &self.config.placement.shards {
            let Some(replica) = shards.get(placed.id.as_str()) else { continue };
            let voters = self.numbers(&placed.voters);
            if voters.contains(&self.mesh.me()) {
                self.found(replica.group().clone(), voters.clone());
            }
            let providers = self.providers(placed, dialer)?;
            let settings = Arc::new(settings::leader(self.config, placed, providers));
            self.work.spawn(supervise(replica.clone(), settings, self.stopping.clone()));
            let home = voters.into_iter().filter(|voter| self.region(*voter) == Some(placed.home_region.as_str()));
            let home: BTreeSet<_> = home.collect();
            self.work.spawn(home::prefer(replica.clone(), home, self.mesh.me(), self.stopping.clone()));
        }
        Ok(())
    }

    /// Founds the coordinator's group and keeps the directory filled.
    fn direct(&self, coordinator: Option<&Coordinator>) {
        let Some(coordinator) = coordinator else { return };
        self.found(coordinator.group().clone(), self.numbers(&self.config.placement.coordinator_voters));
        let filling = keep_filled(coordinator.clone(), self.config.clone());
        self.work.spawn(cancellable(filling, self.stopping.clone()));
    }

    fn found(&self, group: Group, voters: Vec<NodeId>) {
        self.work.spawn(found(group, voters, self.unfounded.clone(), self.stopping.clone()));
    }

    fn numbers(&self, names: &[crate::config::Name]) -> Vec<NodeId> {
        names.iter().filter_map(|name| self.mesh.number(name.as_str())).collect()
    }

    fn region(&self, node: NodeId) -> Option<&str> {
        if node == self.mesh.me() {
            return Some(self.config.node.region.as_str());
        }
        let peer = self.config.peers.iter().find(|peer| NodeId(u64::from(peer.number)) == node);
        peer.map(|peer| peer.region.as_str())
    }

    /// The providers of a shard, each over a connection of its own.
    fn providers<C: Connect>(&self, shard: &ShardPlacement, dialer: &Dialer<C>) -> Result<Providers, NodeError> {
        let used = self.config.providers.iter().filter(|p| p.shards.is_empty() || p.shards.contains(&shard.id));
        let port = |provider: &crate::config::Provider| {
            let peer = Peer::provider(provider.address.clone(), provider.name.as_str());
            let peer = peer.with_server_name(provider.server_name.clone());
            let channel = dialer.channel(&peer).map_err(|error| NodeError::Provider {
                provider: provider.name.to_string(),
                reason: error.to_string(),
            })?;
            Ok(Port::new(provider.name.as_str(), channel, settings::calls(self.config)))
        };
        Ok(Providers::new(used.map(port).collect::<Result<Vec<_>, NodeError>>()?))
    }
}

fn mount_sessions(routes: &mut RoutesBuilder, config: &Config, sessions: SessionService, relay: RelayService) {
    let largest = largest_message(config);
    let sessions = ShardServer::new(sessions).max_decoding_message_size(largest).max_encoding_message_size(largest);
    let relay = SessionRelayServer::new(relay)
        .max_decoding_message_size(largest + RELAY_OVERHEAD)
        .max_encoding_message_size(largest + RELAY_OVERHEAD);
    routes.add_service(sessions).add_service(relay);
}

/// Work that ends when the node stops.
pub(super) async fn cancellable(work: impl Future<Output = ()>, stopping: CancellationToken) {
    tokio::select! {
        () = work => {}
        () = stopping.cancelled() => {}
    }
}
