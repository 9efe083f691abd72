//! Measures how long a group is without a leader that can commit, and what idle groups cost.
//!
//! `failover_bench [--kills N] [--delay-ms N] [--cut yes] [--groups N] [--idle-s N] [--json FILE]`
//!
//! Three nodes in one process, each on a runtime of its own, over links that add `delay-ms` one way. A round ends a leader's runtime (or,
//! with `--cut yes`, only its links, which then swallow everything), and takes the time until a command is committed by another one. With
//! `--idle-s` it measures instead the CPU that three nodes with `groups` idle groups use.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use argosy_raft::{
    Config, Connect, ConnectError, FrozenState, Group, GroupId, Host, InstanceId, NodeId, RestoreError, StateMachine,
    peer_endpoint,
};
use argosy_storage::sim_disk::SimDisk;
use argosy_storage::{Admission, Drive, Identity, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};

type Failure = Box<dyn Error + Send + Sync>;

struct Args {
    kills: usize,
    delay: Duration,
    cut: bool,
    groups: u64,
    idle_s: u64,
    json: Option<PathBuf>,
}

impl Args {
    fn parse() -> Result<Self, Failure> {
        let mut args = Self { kills: 30, delay: Duration::ZERO, cut: false, groups: 1, idle_s: 0, json: None };
        let mut words = std::env::args().skip(1);
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--kills" => args.kills = value.parse()?,
                "--delay-ms" => args.delay = Duration::from_millis(value.parse()?),
                "--cut" => args.cut = value == "yes",
                "--groups" => args.groups = value.parse()?,
                "--idle-s" => args.idle_s = value.parse()?,
                "--json" => args.json = Some(value.into()),
                other => return Err(format!("unknown option {other}").into()),
            }
        }
        Ok(args)
    }
}

/// Has no state: what is measured is Raft.
struct Nothing;

impl StateMachine for Nothing {
    fn apply(&mut self, _: u64, _: u64, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn publish(&mut self, _: u64, _: u64) {}

    fn freeze(&self) -> Box<dyn FrozenState> {
        Box::new(Nothing)
    }

    fn restore(&mut self, _: &mut dyn io::Read) -> Result<(), RestoreError> {
        Ok(())
    }
}

impl FrozenState for Nothing {
    fn write(self: Box<Self>, _: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }
}

/// Where each node is, and which of them are cut off.
#[derive(Clone, Default)]
struct Links {
    addresses: Arc<Mutex<HashMap<u64, SocketAddr>>>,
    cut: Arc<Mutex<HashMap<u64, Arc<AtomicBool>>>>,
    delay: Duration,
}

impl Links {
    fn cut_of(&self, node: u64) -> Arc<AtomicBool> {
        self.cut.lock().unwrap().entry(node).or_default().clone()
    }

    /// A proxy to a node that delays, and swallows what passes while either end is cut off.
    async fn proxy(self, from: u64, to: u64) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Some(target) = self.addresses.lock().unwrap().get(&to).copied() else { continue };
                let Ok(far) = TcpStream::connect(target).await else { continue };
                let cuts = [self.cut_of(from), self.cut_of(to)];
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(carry(near_in, far_out, self.delay, cuts.clone()));
                tokio::spawn(carry(far_in, near_out, self.delay, cuts));
            }
        });
        Ok(address)
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: Duration,
    cuts: [Arc<AtomicBool>; 2],
) {
    let (queue, mut queued) = mpsc::channel::<(tokio::time::Instant, Vec<u8>)>(1024);
    tokio::spawn(async move {
        while let Some((due, data)) = queued.recv().await {
            tokio::time::sleep_until(due).await;
            if cuts.iter().any(|cut| cut.load(Ordering::Relaxed)) {
                // Swallowed for good: the stream behind it never goes on.
                std::future::pending::<()>().await;
            }
            if to.write_all(&data).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if queue.send((tokio::time::Instant::now() + delay, buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}

struct Peers(HashMap<u64, SocketAddr>);

impl Connect for Peers {
    fn channel(&self, node: NodeId) -> Result<Channel, ConnectError> {
        let address = self.0.get(&node.0).ok_or(ConnectError::UnknownNode(node))?;
        let endpoint = Endpoint::from_shared(format!("http://{address}"));
        let invalid = |error: tonic::transport::Error| ConnectError::Invalid { node, reason: error.to_string() };
        Ok(peer_endpoint(endpoint.map_err(invalid)?).connect_lazy())
    }
}

struct Node {
    runtime: Runtime,
    groups: Vec<Group>,
    disk: SimDisk,
}

/// Starts a node, in the links' own runtime for the proxies and in one of its own for the rest.
async fn start(id: u64, disk: SimDisk, links: &Links, groups: u64) -> Result<Node, Failure> {
    links.cut_of(id).store(false, Ordering::Relaxed);
    let mut peers = HashMap::new();
    for other in (1..=3).filter(|other| *other != id) {
        peers.insert(other, links.clone().proxy(id, other).await?);
    }
    let identity = Identity { cluster: "bench".parse()?, node: NodeId(id), instance: InstanceId::random() };
    let store = Store::open(disk.handle(), identity, Admission::Bootstrap, Drive::Thread)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let addresses = links.addresses.clone();
    let work = async move {
        let host = Host::new(store, Arc::new(Peers(peers)), Config::default())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.lock().unwrap().insert(id, listener.local_addr()?);
        let server = tonic::transport::Server::builder().add_service(host.service(None));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))));
        let mut opened = Vec::new();
        for group in 1..=groups {
            opened.push(host.open_group(GroupId(group), Box::new(Nothing)).await?);
        }
        Ok::<_, Failure>(opened)
    };
    let groups = runtime.spawn(work).await??;
    Ok(Node { runtime, groups, disk })
}

/// The node that leads a group first among those given.
async fn leader(nodes: &HashMap<u64, Node>, group: usize, but: Option<u64>) -> u64 {
    let waits = nodes.iter().filter(|(id, _)| Some(**id) != but).map(|(id, node)| {
        let mut leadership = node.groups[group].leadership();
        Box::pin(async move {
            if leadership.wait_for(|now| now.ready).await.is_err() {
                std::future::pending::<()>().await;
            }
            *id
        })
    });
    futures::future::select_all(waits).await.0
}

async fn rounds(args: &Args, links: &Links, nodes: &mut HashMap<u64, Node>) -> Result<Vec<Duration>, Failure> {
    let mut outages = Vec::new();
    for round in 0..args.kills {
        let old = leader(nodes, 0, None).await;
        nodes[&old].groups[0].propose(b"before".to_vec()).await?;
        let began = Instant::now();
        let killed = if args.cut {
            links.cut_of(old).store(true, Ordering::Relaxed);
            None
        } else {
            nodes.remove(&old)
        };
        let disk = killed.map(|node| {
            node.runtime.shutdown_background();
            node.disk
        });
        loop {
            let new = leader(nodes, 0, Some(old)).await;
            if nodes[&new].groups[0].propose(b"after".to_vec()).await.is_ok() {
                break;
            }
        }
        outages.push(began.elapsed());
        println!("round {round}: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
        if let Some(disk) = disk {
            nodes.insert(old, start(old, disk, links, args.groups).await?);
        } else {
            links.cut_of(old).store(false, Ordering::Relaxed);
        }
        let goal = nodes.iter().filter(|(id, _)| **id != old).map(|(_, node)| node.groups[0].status().committed).max();
        while nodes[&old].groups[0].status().applied < goal.unwrap_or(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(outages)
}

fn cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().ok_or("no stat")?.split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse()?;
    let links = Links { delay: args.delay, ..Links::default() };
    let mut nodes = HashMap::new();
    for id in 1..=3 {
        nodes.insert(id, start(id, SimDisk::new(id), &links, args.groups).await?);
    }
    for group in &nodes[&1].groups {
        group.bootstrap(&[1, 2, 3].map(NodeId)).await?;
    }
    let report = if args.idle_s > 0 {
        for group in 0..nodes[&1].groups.len() {
            leader(&nodes, group, None).await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let before = cpu_seconds()?;
        tokio::time::sleep(Duration::from_secs(args.idle_s)).await;
        let percent = (cpu_seconds()? - before) / args.idle_s as f64 / 3.0 * 100.0;
        println!("{} idle groups: {percent:.2} % of a core for each node", args.groups);
        serde_json::json!({ "groups": args.groups, "idle_percent_of_core_per_node": percent })
    } else {
        let mut outages = rounds(&args, &links, &mut nodes).await?;
        outages.sort_unstable();
        let at = |permille: usize| {
            let index = (outages.len() * permille / 1000).min(outages.len() - 1);
            outages[index].as_secs_f64() * 1e3
        };
        println!("{} rounds: p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms", outages.len(), at(500), at(990), at(1000));
        serde_json::json!({ "rounds": outages.len(), "p50_ms": at(500), "p99_ms": at(990), "max_ms": at(1000) })
    };
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    for (_, node) in nodes {
        node.runtime.shutdown_background();
    }
    Ok(())
}
