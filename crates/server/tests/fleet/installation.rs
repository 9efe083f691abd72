//! A whole installation in one process: nodes that can be killed and started again, and a provider.

use std::future::Future;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use argosy_proto::argosy::v1::sim_provider_client::SimProviderClient;
use argosy_proto::argosy::v1::{Effect, EffectsRequest};
use argosy_provider::sim::{self, Catalogue, Latencies, SimConfig};
use argosy_raft::NodeId;
use argosy_server::config::{self, Config};
use argosy_server::leader::Leader;
use argosy_server::node::{Node, Setup};
use argosy_server::replica::{Replica, View};
use argosy_server::tls::{self, Dialer, Limits, Security, TlsError};
use argosy_storage::sim_disk::SimDisk;
use argosy_storage::{Admission, Drive, Identity, InstanceId, Store};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::Channel;

/// The shard that most tests are about.
pub(crate) const SHARD: &str = "s1";
/// No condition takes so long unless something is broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Waits for a future, or fails with what was waited for.
pub(crate) async fn within<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, waiting).await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

/// What differs between tests.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) mode: &'static str,
    /// The nodes that vote in the shard's group.
    pub(crate) voters: usize,
    /// The folder of secrets.
    pub(crate) secrets: Option<&'static str>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { mode: "clock", voters: 3, secrets: None }
    }
}

pub(crate) struct Installation {
    plan: Plan,
    ports: Vec<u16>,
    disks: Vec<SimDisk>,
    nodes: Vec<Option<Running>>,
    provider: Provider,
}

struct Running {
    runtime: Runtime,
    node: Node,
}

struct Provider {
    port: u16,
    _runtime: KilledOnDrop,
}

/// A runtime that is let go of without waiting: a test's own runtime may not block.
struct KilledOnDrop(Option<Runtime>);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        for node in self.nodes.iter_mut().filter_map(Option::take) {
            node.runtime.shutdown_background();
        }
    }
}

impl Installation {
    /// Three nodes and a provider, all up; the shard has a leader that may decide.
    pub(crate) async fn start(plan: Plan) -> Self {
        let ports = free_ports(3);
        let disks = (0..3).map(SimDisk::new).collect();
        let provider = Provider::start(plan.mode == "lockstep").await;
        let mut installation = Self { plan, ports, disks, nodes: vec![None, None, None], provider };
        for at in 0..3 {
            installation.start_node(at).await;
        }
        installation.leader().await;
        installation
    }

    /// Starts a node on its disk, for the first time or again.
    pub(crate) async fn start_node(&mut self, at: usize) {
        let config = self.config(at);
        let identity = Identity {
            cluster: "test".parse().expect("a cluster id"),
            node: NodeId(at as u64 + 1),
            instance: InstanceId::random(),
        };
        let disk = self.disks[at].handle();
        let runtime = runtime();
        let starting = runtime.spawn(async move {
            let store = Store::open(disk, identity, Admission::Bootstrap, Drive::Thread).expect("the disk is sound");
            let limits = Limits::from(config.connections.clone());
            let listener = within("the port of its last life is free", listen(config.node.listen)).await;
            let dialer = Dialer::new(Security::Plaintext, limits);
            Node::start(Setup { config, store, listener, dialer, security: Security::Plaintext }).await
        });
        let node = starting.await.expect("the start does not panic").expect("the node starts");
        self.nodes[at] = Some(Running { runtime, node });
    }

    /// Kills a node: its tasks are dropped where they stand, and its disk loses what was not synced.
    pub(crate) fn kill(&mut self, at: usize) {
        let running = self.nodes[at].take().expect("it runs");
        running.runtime.shutdown_background();
        drop(running.node);
        self.disks[at].crash();
    }

    /// Stops a node in good order.
    pub(crate) async fn stop(&mut self, at: usize) {
        let running = self.nodes[at].take().expect("it runs");
        let node = running.node;
        running.runtime.spawn(node.shutdown()).await.expect("the shutdown does not panic");
        running.runtime.shutdown_background();
    }

    /// A node's disk.
    pub(crate) fn disk(&self, at: usize) -> &SimDisk {
        &self.disks[at]
    }

    /// The node of this position.
    pub(crate) fn node(&self, at: usize) -> &Node {
        &self.nodes[at].as_ref().expect("it runs").node
    }

    /// The shard's replica on a node.
    pub(crate) fn replica(&self, at: usize) -> &Replica {
        self.node(at).shards().get(SHARD).expect("every node of the shard has a replica")
    }

    /// The node that leads the shard and may decide, with its leadership. Waits for one.
    pub(crate) async fn leader(&self) -> (usize, Arc<Leader>) {
        let running = (0..3).filter(|at| self.nodes[*at].is_some() && self.node(*at).shards().get(SHARD).is_some());
        let waits = running.map(|at| {
            let mut leader = self.replica(at).watch_leader();
            Box::pin(async move {
                let found = leader.wait_for(Option::is_some).await.expect("the node runs").clone();
                (at, found.expect("it was waited for"))
            })
        });
        within("the shard has a leader", futures::future::select_all(waits)).await.0
    }

    /// Waits until the state on a node meets a condition.
    pub(crate) async fn state(&self, at: usize, what: &str, mut met: impl FnMut(&View) -> bool) -> Arc<View> {
        let mut views = self.replica(at).watch();
        Arc::clone(&*within(what, views.wait_for(|view| met(view))).await.expect("the node runs"))
    }

    /// Runs a future on a node's own runtime.
    pub(crate) async fn on<T: Send + 'static>(&self, at: usize, work: impl Future<Output = T> + Send + 'static) -> T {
        let runtime = &self.nodes[at].as_ref().expect("it runs").runtime;
        within("the node has done it", runtime.spawn(work)).await.expect("it does not panic")
    }

    /// Where a node accepts sessions.
    pub(crate) fn port(&self, at: usize) -> u16 {
        self.ports[at]
    }

    /// A connection to the provider.
    pub(crate) fn provider(&self) -> Channel {
        channel(self.provider.port)
    }

    /// What the provider has done so far.
    pub(crate) async fn effects(&self) -> Vec<Effect> {
        let mut client = SimProviderClient::new(self.provider());
        let request = EffectsRequest { after_seq: 0, follow: false };
        let mut stream = client.effects(request).await.expect("the provider answers").into_inner();
        let mut effects = Vec::new();
        while let Some(page) = stream.message().await.expect("the provider answers") {
            effects.extend(page.effects);
        }
        effects
    }

    fn config(&self, at: usize) -> Config {
        let names = ["n1", "n2", "n3"];
        let regions = ["eu", "us", "ap"];
        let peers: String = (0..3)
            .filter(|peer| *peer != at)
            .map(|peer| {
                let (name, region, number, port) = (names[peer], regions[peer], peer + 1, self.ports[peer]);
                format!("[[peers]]\nid = \"{name}\"\nnumber = {number}\nregion = \"{region}\"\nzone = \"{region}-a\"\naddress = \"127.0.0.1:{port}\"\n")
            })
            .collect();
        let voters = &names[..self.plan.voters];
        let (name, region, number, port) = (names[at], regions[at], at + 1, self.ports[at]);
        let (mode, provider) = (self.plan.mode, self.provider.port);
        let secrets = self.plan.secrets.map(|folder| format!("secrets = \"{folder}\"")).unwrap_or_default();
        let text = format!(
            r#"
fleet = "test"
plaintext = true
[node]
id = "{name}"
number = {number}
region = "{region}"
zone = "{region}-a"
data_dir = "data"
listen = "127.0.0.1:{port}"
[metrics]
enabled = false
[raft]
heartbeat = "100ms"
election_min = "300ms"
election_max = "600ms"
[cycle]
mode = "{mode}"
interval = "1s"
on_demand_min_gap = "10ms"
[notify]
{secrets}
[rails]
reclaim_cap_ppm = 1000000
[listing]
interval = "500ms"
busy_interval = "20ms"
[[providers]]
name = "sim"
address = "127.0.0.1:{provider}"
{peers}
[placement]
coordinator_voters = ["n1", "n2", "n3"]
[[placement.shards]]
id = "{SHARD}"
number = 1
home_region = "eu"
voters = {voters:?}
clusters = ["c1", "c2"]
"#
        );
        let loaded = config::load_with(Path::new("node.toml"), &|_| Ok(text.clone().into_bytes()));
        loaded.unwrap_or_else(|report| panic!("{report}")).config
    }
}

impl Provider {
    async fn start(virtual_time: bool) -> Self {
        let port = free_ports(1)[0];
        let mut catalogue = Catalogue::parse(CATALOGUE).expect("the catalogue is sound");
        catalogue.latency = Latencies::fixed(5);
        let config = SimConfig { virtual_time, ..SimConfig::new(catalogue, 7) };
        let runtime = runtime();
        let bound =
            runtime.spawn(TcpListener::bind(("127.0.0.1", port))).await.expect("no panic").expect("the port is free");
        runtime.spawn(async move {
            sim::serve(config, bound, std::future::pending()).await.expect("the provider serves");
        });
        Self { port, _runtime: KilledOnDrop(Some(runtime)) }
    }
}

/// A channel to a port of this machine.
pub(crate) fn channel(port: u16) -> Channel {
    Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("a URI").connect_lazy()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// Listens at an address; one that a killed node had may be taken for a moment longer.
async fn listen(address: SocketAddr) -> TcpListener {
    loop {
        match tls::listen(address, &Security::Plaintext).await {
            Ok(listener) => return listener,
            Err(TlsError::Listen { error, .. }) if error.kind() == ErrorKind::AddrInUse => {
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Ports that nobody has, below those that the system gives to outgoing connections: it could give one away before it is bound.
fn free_ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const ROOM: u16 = 18_000;
    let start = u16::try_from(std::process::id() % u32::from(ROOM)).expect("below the room");
    let candidates = std::iter::repeat_with(|| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        FIRST + start.wrapping_add(next) % ROOM
    });
    candidates.filter(|port| StdListener::bind(("127.0.0.1", *port)).is_ok()).take(count).collect()
}

const CATALOGUE: &str = r#"
provider = "sim"
[regions]
eu = ["eu-a"]
us = ["us-a"]
[[offering]]
name = "metal"
instance_type = "metal.4"
capacity_type = "bare-metal"
price_per_hour = 0.0
slots = 4
idle_percent = 100
machines_per_rack = 2
resources = { cpu = "4", memory = "16Gi" }
[[offering]]
name = "cpu"
instance_type = "cpu.4"
capacity_type = "on-demand"
price_per_hour = 0.2
slots = 20
machines_per_rack = 4
resources = { cpu = "4", memory = "16Gi" }
"#;
