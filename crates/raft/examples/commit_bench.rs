//! Measures commits of one group with three replicas in one process: real gRPC on loopback, RocksDB and its fsync in a given directory.
//!
//! `commit_bench DIR [--seconds N] [--writers N] [--payload BYTES] [--batch N] [--json FILE]`
//!
//! A writer keeps one proposal of `batch` commands on its way, as one log entry of `batch * payload` bytes, which is how a leader commits a
//! plan. Three replicas share this machine's cores and disk, so a cluster does better.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use argosy_raft::{
    Config, Connect, ConnectError, FrozenState, Group, GroupId, Host, InstanceId, NodeId, RestoreError, StateMachine,
    peer_endpoint,
};
use argosy_storage::{Admission, Identity, Store};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};

struct Args {
    dir: PathBuf,
    seconds: u64,
    writers: usize,
    payload: usize,
    batch: usize,
    json: Option<PathBuf>,
}

impl Args {
    fn parse() -> Result<Self, Box<dyn Error>> {
        let mut words = std::env::args().skip(1);
        let dir = words
            .next()
            .ok_or("usage: commit_bench DIR [--seconds N] [--writers N] [--payload BYTES] [--batch N] [--json FILE]")?;
        let mut args = Self { dir: dir.into(), seconds: 10, writers: 64, payload: 200, batch: 1, json: None };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--seconds" => args.seconds = value.parse()?,
                "--writers" => args.writers = value.parse()?,
                "--payload" => args.payload = value.parse()?,
                "--batch" => args.batch = value.parse()?,
                "--json" => args.json = Some(value.into()),
                other => return Err(format!("unknown option {other}").into()),
            }
        }
        Ok(args)
    }
}

/// Counts bytes.
struct Counting(u64);

impl StateMachine for Counting {
    fn apply(&mut self, _: u64, _: u64, command: &[u8]) -> Vec<u8> {
        self.0 += command.len() as u64;
        Vec::new()
    }

    fn publish(&mut self, _: u64, _: u64) {}

    fn freeze(&self) -> Box<dyn FrozenState> {
        Box::new(Counting(self.0))
    }

    fn restore(&mut self, input: &mut dyn io::Read) -> Result<(), RestoreError> {
        let mut bytes = [0; 8];
        input.read_exact(&mut bytes)?;
        self.0 = u64::from_le_bytes(bytes);
        Ok(())
    }
}

impl FrozenState for Counting {
    fn write(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(&self.0.to_le_bytes())
    }
}

#[derive(Clone, Default)]
struct Loopback(Arc<Mutex<HashMap<NodeId, SocketAddr>>>);

impl Connect for Loopback {
    fn channel(&self, node: NodeId) -> Result<Channel, ConnectError> {
        let address = self.0.lock().unwrap().get(&node).copied().ok_or(ConnectError::UnknownNode(node))?;
        let endpoint = Endpoint::from_shared(format!("http://{address}"));
        let invalid = |error: tonic::transport::Error| ConnectError::Invalid { node, reason: error.to_string() };
        Ok(peer_endpoint(endpoint.map_err(invalid)?).connect_lazy())
    }
}

async fn start(args: &Args, loopback: &Loopback) -> Result<Vec<(Host, Group, Arc<Store>)>, Box<dyn Error>> {
    let mut nodes = Vec::new();
    for id in 1..=3 {
        let identity = Identity { cluster: "bench".parse()?, node: NodeId(id), instance: InstanceId::random() };
        let store = Store::open_dir(&args.dir.join(format!("node-{id}")), identity, Admission::Bootstrap)?;
        let host = Host::new(store.clone(), Arc::new(loopback.clone()), Config::default())?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        loopback.0.lock().unwrap().insert(NodeId(id), listener.local_addr()?);
        let server = tonic::transport::Server::builder().add_service(host.service(None));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))));
        let group = host.open_group(GroupId(1), Box::new(Counting(0))).await?;
        nodes.push((host, group, store));
    }
    nodes[0].1.bootstrap(&[1, 2, 3].map(NodeId)).await?;
    Ok(nodes)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse()?;
    let nodes = start(&args, &Loopback::default()).await?;
    let waits = nodes.iter().map(|(_, group, _)| {
        let mut leadership = group.leadership();
        let group = group.clone();
        Box::pin(async move { leadership.wait_for(|now| now.ready).await.map(|_| group) })
    });
    let leader = futures::future::select_ok(waits).await?.0;

    let began = Instant::now();
    let end = began + Duration::from_secs(args.seconds);
    let writers: Vec<_> = (0..args.writers)
        .map(|_| {
            let leader = leader.clone();
            let command = vec![7; args.payload * args.batch];
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while Instant::now() < end {
                    let asked = Instant::now();
                    leader.propose(command.clone()).await?;
                    latencies.push(asked.elapsed());
                }
                Ok::<_, argosy_raft::ProposeError>(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for writer in writers {
        latencies.extend(writer.await??);
    }
    let wall = began.elapsed().as_secs_f64();
    latencies.sort_unstable();
    report(&args, &latencies, wall, &nodes[0].2)?;
    for (host, _, store) in nodes {
        host.shutdown().await;
        store.close();
    }
    Ok(())
}

fn report(args: &Args, latencies: &[Duration], wall: f64, store: &Store) -> Result<(), Box<dyn Error>> {
    let at = |permille: usize| {
        let index = latencies.len() * permille / 1000;
        latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    };
    let commits = latencies.len() as f64 / wall;
    let counters = store.counters();
    let per_sync = counters.synced as f64 / counters.syncs.max(1) as f64;
    println!("{} writers, {} commands of {} bytes a commit, {wall:.1} s", args.writers, args.batch, args.payload);
    println!("commits/s    {commits:>10.0}");
    println!("commands/s   {:>10.0}", commits * args.batch as f64);
    println!("commit p50   {:>10.2} ms", at(500));
    println!("commit p99   {:>10.2} ms", at(990));
    println!("node 1: {} syncs, {per_sync:.1} durable writes each", counters.syncs);
    if let Some(path) = &args.json {
        let report = serde_json::json!({
            "writers": args.writers, "batch": args.batch, "payload_bytes": args.payload, "wall_s": wall,
            "commits_per_s": commits, "commands_per_s": commits * args.batch as f64,
            "commit_p50_ms": at(500), "commit_p99_ms": at(990), "syncs": counters.syncs, "writes_per_sync": per_sync,
        });
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}
