//! Nodes in one process, each on a runtime and a simulated disk of its own, speaking real gRPC over loopback.
//!
//! Killing a node drops its runtime, with every task and connection, and takes the power from its disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use argosy_raft::{Config, Group, GroupId, Host, Limits, NodeId, StateMachine, Timing};
use argosy_storage::sim_disk::SimDisk;
use argosy_storage::{Admission, Drive, Identity, InstanceId, Store};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;

use crate::ledger::{Ledger, View};
use crate::wires::Wires;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn config() -> Config {
    let timing = Timing {
        heartbeat: Duration::from_millis(100),
        election_min: Duration::from_millis(250),
        election_max: Duration::from_millis(500),
    };
    Config { timing, limits: Limits::default() }
}

pub(crate) struct Node {
    pub(crate) host: Host,
    pub(crate) store: Arc<Store>,
    pub(crate) runtime: Life,
    pub(crate) groups: BTreeMap<u64, (Group, View)>,
}

/// A runtime that may end inside another one: with it, at once, everything that runs on it.
pub(crate) struct Life(Option<Runtime>);

impl std::ops::Deref for Life {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("it lives until it is dropped")
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) struct Cluster {
    pub(crate) config: Config,
    pub(crate) wires: Wires,
    pub(crate) disks: BTreeMap<u64, SimDisk>,
    pub(crate) nodes: BTreeMap<u64, Node>,
    group_ids: Vec<u64>,
    instances: u64,
}

impl Cluster {
    /// Nodes 1 to `count`, each with the groups open, and every group founded.
    pub(crate) async fn founded(count: u64, groups: &[u64], config: Config) -> Self {
        let mut cluster = Self {
            config,
            wires: Wires::default(),
            disks: BTreeMap::new(),
            nodes: BTreeMap::new(),
            group_ids: groups.to_vec(),
            instances: 100,
        };
        for id in 1..=count {
            cluster.start(id).await;
        }
        let members: Vec<NodeId> = (1..=count).map(NodeId).collect();
        for group in groups {
            for id in 1..=count {
                cluster.group(id, *group).bootstrap(&members).await.unwrap();
            }
        }
        cluster
    }

    /// Starts a node on its disk; on a fresh one if it never had one.
    pub(crate) async fn start(&mut self, id: u64) {
        let mut node = self.boot(id).await;
        for group in self.group_ids.clone() {
            let (ledger, view) = Ledger::new();
            let opened = open(&node, group, Box::new(ledger)).await.unwrap();
            node.groups.insert(group, (opened, view));
        }
        self.nodes.insert(id, node);
    }

    /// Starts a node without its groups.
    pub(crate) async fn boot(&mut self, id: u64) -> Node {
        let disk = self.disks.entry(id).or_insert_with(|| SimDisk::new(id)).clone();
        self.instances += 1;
        let identity =
            Identity { cluster: "test".parse().unwrap(), node: NodeId(id), instance: InstanceId(self.instances) };
        let store = Store::open(disk.handle(), identity, Admission::Bootstrap, Drive::Thread).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (config, connect, on) = (self.config, self.wires.connect(id), store.clone());
        let listener = runtime.spawn(TcpListener::bind("127.0.0.1:0")).await.unwrap().unwrap();
        self.wires.set_address(id, listener.local_addr().unwrap());
        let host = runtime.spawn(async move { Host::new(on, connect, config).unwrap() }).await.unwrap();
        let service = host.service(None);
        runtime.spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))),
        );
        Node { host, store, runtime: Life(Some(runtime)), groups: BTreeMap::new() }
    }

    /// The process ends at once, and its disk loses power.
    pub(crate) fn kill(&mut self, id: u64) {
        let node = self.nodes.remove(&id).expect("it runs");
        self.disks[&id].crash();
        drop(node);
    }

    pub(crate) fn group(&self, node: u64, group: u64) -> Group {
        self.nodes[&node].groups[&group].0.clone()
    }

    pub(crate) fn view(&self, node: u64, group: u64) -> View {
        self.nodes[&node].groups[&group].1.clone()
    }

    /// Waits until one of the running nodes leads a group and is ready to decide.
    pub(crate) async fn leader(&self, group: u64) -> u64 {
        let watches = self.nodes.iter().map(|(id, node)| {
            let mut leadership = node.groups[&group].0.leadership();
            Box::pin(async move {
                let ready = leadership.wait_for(|now| now.ready).await.is_ok();
                if !ready {
                    std::future::pending::<()>().await;
                }
                *id
            })
        });
        let first = futures::future::select_all(watches);
        tokio::time::timeout(PATIENCE, first).await.expect("a leader is elected").0
    }

    /// Proposes to whoever leads until it is acknowledged.
    pub(crate) async fn commit(&self, group: u64, command: &str) -> u64 {
        let commit = async {
            loop {
                let leader = self.leader(group).await;
                if let Ok(committed) = self.group(leader, group).propose(command.as_bytes().to_vec()).await {
                    return committed.index;
                }
            }
        };
        tokio::time::timeout(PATIENCE, commit).await.expect("a command is committed")
    }

    /// Waits until the replica on a node has folded everything up to `index`.
    pub(crate) async fn caught_up(&self, node: u64, group: u64, index: u64) {
        let view = self.view(node, group);
        tokio::time::timeout(PATIENCE, view.applied(index)).await.unwrap_or_else(|_| {
            panic!("node {node} does not reach {index}: {:?}", self.group(node, group).status());
        });
    }

    /// Waits until all running replicas of a group have folded `index`, and checks that their states are equal.
    pub(crate) async fn agree(&self, group: u64, index: u64) {
        for node in self.nodes.keys() {
            self.caught_up(*node, group, index).await;
        }
        let states: Vec<_> = self.nodes.keys().map(|node| (*node, self.view(*node, group).state())).collect();
        for (node, state) in &states[1..] {
            assert_eq!(state, &states[0].1, "nodes {} and {node} differ", states[0].0);
        }
    }
}

pub(crate) async fn open(
    node: &Node,
    group: u64,
    machine: Box<dyn StateMachine>,
) -> Result<Group, argosy_raft::OpenError> {
    let host = node.host.clone();
    node.runtime.spawn(async move { host.open_group(GroupId(group), machine).await }).await.unwrap()
}

/// Waits for a condition that nothing announces.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let poll = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, poll).await.unwrap_or_else(|_| panic!("in time: {what}"));
}
