//! The session client against a shard that follows a script, over in-memory connections and virtual time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use argosy_proto::bigfleet::v1alpha1::operator_message::Message as FromOperator;
use argosy_proto::bigfleet::v1alpha1::shard_message::Message as FromShard;
use argosy_proto::bigfleet::v1alpha1::shard_server::{Shard, ShardServer};
use argosy_proto::bigfleet::v1alpha1::{
    Acknowledgement, BootstrapRequest, ClusterCapacityNeeds, NodeStateUpdate, OperatorMessage, ReclaimInstruction,
    ShardMessage,
};
use argosy_workload::session::{
    BootstrapBlob, ClusterSide, OperatorSession, SessionConfig, SessionCounts, SessionEvent,
};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

/// Virtual time after which a frame that has not come will not come.
const PATIENCE: Duration = Duration::from_secs(300);

/// One accepted session, as the script of a test sees it.
struct Accepted {
    from_operator: Streaming<OperatorMessage>,
    to_operator: mpsc::Sender<Result<ShardMessage, Status>>,
}

impl Accepted {
    async fn hears(&mut self) -> FromOperator {
        let frame =
            tokio::time::timeout(PATIENCE, self.from_operator.next()).await.expect("the operator says something");
        frame.expect("the session is open").unwrap().message.unwrap()
    }

    async fn says(&self, message: FromShard) {
        self.to_operator.send(Ok(ShardMessage { message: Some(message) })).await.unwrap();
    }

    async fn acks(&self, echo: &str) {
        self.says(FromShard::Ack(Acknowledgement { echo: echo.to_owned(), ..Default::default() })).await;
    }

    async fn greets(&mut self) {
        let FromOperator::Hello(hello) = self.hears().await else { panic!("the first frame is the greeting") };
        assert_eq!((hello.cluster_id.as_str(), hello.protocol_version.as_str()), ("eu-0", "v1alpha1"));
        self.acks("hello").await;
    }

    async fn hears_rollup(&mut self) -> i64 {
        match self.hears().await {
            FromOperator::Rollup(rollup) => rollup.timestamp_unix_nanos,
            other => panic!("expected a roll-up, heard {other:?}"),
        }
    }
}

struct ScriptedShard(mpsc::Sender<Accepted>);

#[tonic::async_trait]
impl Shard for ScriptedShard {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<ShardMessage, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<OperatorMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (to_operator, outgoing) = mpsc::channel(16);
        let accepted = Accepted { from_operator: request.into_inner(), to_operator };
        self.0.send(accepted).await.map_err(|_| Status::unavailable("the node is down"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(outgoing))))
    }
}

type Listeners = Arc<Mutex<BTreeMap<String, mpsc::Sender<DuplexStream>>>>;

/// Nodes by address; an address without a listener refuses connections.
#[derive(Clone, Default)]
struct Network(Listeners);

impl Network {
    fn listen(&self, address: &str) -> mpsc::Receiver<Accepted> {
        let (connections, incoming) = mpsc::channel::<DuplexStream>(4);
        self.0.lock().unwrap().insert(address.to_owned(), connections);
        let (sessions, accepted) = mpsc::channel(4);
        let incoming = ReceiverStream::new(incoming).map(Ok::<_, std::io::Error>);
        let server = Server::builder().add_service(ShardServer::new(ScriptedShard(sessions)));
        tokio::spawn(server.serve_with_incoming(incoming));
        accepted
    }

    fn connect(&self) -> impl Fn(&str) -> Result<Channel, tonic::transport::Error> + Send + Sync + 'static {
        let listeners = Arc::clone(&self.0);
        move |address: &str| {
            let listener = listeners.lock().unwrap().get(address).cloned();
            let connector = tower::service_fn(move |_| {
                let listener = listener.clone();
                async move {
                    let (near, far) = tokio::io::duplex(1 << 16);
                    let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
                    listener.ok_or_else(refused)?.send(far).await.map_err(|_| refused())?;
                    Ok::<_, std::io::Error>(TokioIo::new(near))
                }
            });
            Ok(Endpoint::from_static("http://shard").connect_with_connector_lazy(connector))
        }
    }
}

struct Cluster;

impl ClusterSide for Cluster {
    fn bootstrap(&self, request: &BootstrapRequest) -> Result<BootstrapBlob, String> {
        match request.cluster_id.as_str() {
            "eu-0" => Ok(BootstrapBlob { user_data: b"join".to_vec(), ttl_seconds: 600 }),
            other => Err(format!("no template for {other}")),
        }
    }

    fn reclaim(&self, instruction: &ReclaimInstruction) -> impl Future<Output = usize> + Send {
        std::future::ready(instruction.nodes.len())
    }
}

fn start(network: &Network, addresses: &[&str]) -> OperatorSession {
    let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
    OperatorSession::start(SessionConfig::new("eu-0", addresses, 1), network.connect(), Arc::new(Cluster))
}

fn rollup(timestamp_unix_nanos: i64) -> ClusterCapacityNeeds {
    ClusterCapacityNeeds { cluster_id: "eu-0".to_owned(), timestamp_unix_nanos, needs: Vec::new() }
}

#[tokio::test(start_paused = true)]
async fn it_greets_first_and_the_newest_roll_up_wins_while_one_is_in_flight() {
    let network = Network::default();
    let mut node = network.listen("a");
    let session = start(&network, &["a"]);
    session.submit(rollup(1));
    let mut shard = node.recv().await.unwrap();
    shard.greets().await;
    assert_eq!(shard.hears_rollup().await, 1);
    for timestamp in 2..=5 {
        session.submit(rollup(timestamp));
    }
    shard.acks("rollup").await;
    assert_eq!(shard.hears_rollup().await, 5);
    shard.acks("rollup").await;
    let events = session.events();
    assert!(matches!(events.next().await, Some(SessionEvent::Greeted(greeting)) if !greeting.again));
    for timestamp_unix_nanos in [1, 5] {
        assert_eq!(events.next().await, Some(SessionEvent::RollupAcked { timestamp_unix_nanos }));
    }
    let counts = SessionCounts {
        greetings_acknowledged: 1,
        rollups_sent: 2,
        rollups_acknowledged: 2,
        ..SessionCounts::default()
    };
    assert_eq!(session.counts(), counts);
}

#[tokio::test(start_paused = true)]
async fn it_moves_to_another_address_and_repeats_the_newest_roll_up_there() {
    let network = Network::default();
    let mut nodes = [network.listen("a"), network.listen("b")];
    let session = start(&network, &["a", "b"]);
    session.submit(rollup(1));
    let events = session.events();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let [a, b] = &mut nodes;
        let (at, mut shard) = tokio::select! {
            shard = a.recv() => ("a", shard.unwrap()),
            shard = b.recv() => ("b", shard.unwrap()),
        };
        seen.push(at);
        shard.greets().await;
        assert_eq!(shard.hears_rollup().await, 1);
        shard.acks("rollup").await;
        assert!(
            matches!(events.next().await, Some(SessionEvent::Greeted(g)) if g.address == at && g.again == (seen.len() == 2))
        );
        assert!(matches!(events.next().await, Some(SessionEvent::RollupAcked { .. })));
        drop(shard);
        let Some(SessionEvent::Disconnected { retry_in_ms, .. }) = events.next().await else { panic!("no disconnect") };
        assert!((250..=500).contains(&retry_in_ms), "the wait starts over after a greeting: {retry_in_ms}");
    }
    seen.sort_unstable();
    assert_eq!(seen, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_shard_is_given_up_and_waits_grow() {
    let network = Network::default();
    let mut node = network.listen("a");
    let session = start(&network, &["a"]);
    let events = session.events();
    let mut waits = Vec::new();
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(node.recv().await.unwrap());
        let Some(SessionEvent::Disconnected { retry_in_ms, reason, .. }) = events.next().await else { panic!() };
        assert!(reason.contains("in time"), "{reason}");
        waits.push(retry_in_ms);
    }
    assert!(
        waits.iter().zip([500, 1_000, 2_000, 4_000]).all(|(wait, most)| (most / 2..=most).contains(wait)),
        "{waits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_roll_up_that_is_never_acknowledged_is_said_again_over_a_new_session_and_not_counted() {
    let network = Network::default();
    let mut node = network.listen("a");
    let session = start(&network, &["a"]);
    session.submit(rollup(1));
    let mut first = node.recv().await.unwrap();
    first.greets().await;
    assert_eq!(first.hears_rollup().await, 1);
    let mut second = tokio::time::timeout(PATIENCE, node.recv()).await.unwrap().unwrap();
    second.greets().await;
    assert_eq!(second.hears_rollup().await, 1);
    assert_eq!(session.counts().rollups_acknowledged, 0);
}

#[tokio::test(start_paused = true)]
async fn bootstrap_requests_are_answered_while_a_roll_up_is_in_flight() {
    let network = Network::default();
    let mut node = network.listen("a");
    let session = start(&network, &["a"]);
    session.submit(rollup(1));
    let mut shard = node.recv().await.unwrap();
    shard.greets().await;
    assert_eq!(shard.hears_rollup().await, 1);
    for (request_id, cluster_id) in [("1", "eu-0"), ("2", "stranger")] {
        let (request_id, cluster_id) = (request_id.to_owned(), cluster_id.to_owned());
        shard
            .says(FromShard::BootstrapRequest(BootstrapRequest { request_id, cluster_id, ..Default::default() }))
            .await;
    }
    let FromOperator::BootstrapResponse(blob) = shard.hears().await else { panic!("no blob") };
    assert_eq!((blob.request_id.as_str(), &blob.user_data[..], blob.ttl_seconds), ("1", &b"join"[..], 600));
    let FromOperator::BootstrapResponse(refusal) = shard.hears().await else { panic!("no refusal") };
    assert_eq!((refusal.request_id.as_str(), refusal.error.as_str()), ("2", "no template for stranger"));
}

#[tokio::test(start_paused = true)]
async fn a_reclaim_is_told_and_acknowledged_with_the_nodes_it_began_with() {
    let network = Network::default();
    let mut node = network.listen("a");
    let session = start(&network, &["a"]);
    let mut shard = node.recv().await.unwrap();
    shard.greets().await;
    let instruction = ReclaimInstruction {
        instruction_id: "r-1".to_owned(),
        nodes: vec!["m-1".to_owned(), "m-2".to_owned()],
        grace_period_seconds: 30,
        preemptor_priority: 5_000,
    };
    shard.says(FromShard::ReclaimInstruction(instruction.clone())).await;
    let FromOperator::ReclaimAck(ack) = shard.hears().await else { panic!("no acknowledgement") };
    assert_eq!((ack.instruction_id.as_str(), ack.nodes_started), ("r-1", 2));
    shard
        .says(FromShard::NodeStateUpdate(NodeStateUpdate { machine_id: "m-1".to_owned(), ..Default::default() }))
        .await;
    let events = session.events();
    assert!(matches!(events.next().await, Some(SessionEvent::Greeted(_))));
    assert_eq!(events.next().await, Some(SessionEvent::Reclaim(instruction)));
    assert!(matches!(events.next().await, Some(SessionEvent::NodeState(update)) if update.machine_id == "m-1"));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_session_hangs_up_and_ends_its_events() {
    let network = Network::default();
    let mut node = network.listen("a");
    let session = start(&network, &["a"]);
    let mut shard = node.recv().await.unwrap();
    shard.greets().await;
    let events = session.events();
    assert!(matches!(events.next().await, Some(SessionEvent::Greeted(_))));
    drop(session);
    assert_eq!(events.next().await, None);
    assert!(!matches!(shard.from_operator.next().await, Some(Ok(_))));
}
