//! Notifications of a real installation to a receiver in this process.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use argosy_model::State;
use argosy_proto::argosy::v1::effect::Kind;
use argosy_proto::argosy::v1::notifications_client::NotificationsClient;
use argosy_proto::argosy::v1::pools_client::PoolsClient;
use argosy_proto::argosy::v1::{
    ApplyPoolsRequest, GetSinksRequest, RemovePoolRequest, SetSinksRequest, SinkSummary, TrySinkRequest,
};
use argosy_shard::{By, Command, ShardState};
use axum::Router;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::installation::{Installation, Plan, SHARD, channel, within};

const KEY: &str = "a-key-that-nobody-may-read";
const TOKEN: &str = "Bearer a-token-that-nobody-may-read";

/// One message as it came.
#[derive(Clone, Debug, PartialEq)]
struct Got {
    id: String,
    headers: HeaderMap,
    text: String,
    body: Value,
}

/// How the receiver answers, and what it has been sent.
#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    /// 0: not at all.
    answers: watch::Sender<u16>,
    drained: Arc<Mutex<bool>>,
    got: watch::Sender<Vec<Got>>,
}

impl Receiver {
    async fn start(answers: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (answers, got) = (watch::channel(answers).0, watch::channel(Vec::new()).0);
        let receiver = Self { address, answers, drained: Arc::default(), got };
        let app = Router::new().route("/", post(take)).route("/drained", get(drained)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    async fn until(&self, what: &str, met: impl FnMut(&Vec<Got>) -> bool) -> Vec<Got> {
        within(what, self.got.subscribe().wait_for(met)).await.expect("it serves").clone()
    }

    fn sinks(&self, more: &str) -> String {
        let url = format!("http://{}", self.address);
        format!(
            "version: 1\nsinks:\n  - {{name: ops, url: \"{url}/\", events: [machine.cordoned, machine.uncordoned], secret: key, \
             secret_headers: {{authorization: token}}{more}}}\n"
        )
    }
}

async fn take(Shared(receiver): Shared<Receiver>, headers: HeaderMap, text: String) -> StatusCode {
    let id = headers.get("webhook-id").expect("a message has a name").to_str().expect("text").to_owned();
    let body = serde_json::from_str(&text).expect("JSON");
    receiver.got.send_modify(|got| got.push(Got { id, headers, text, body }));
    let mut answers = receiver.answers.subscribe();
    let status = *answers.wait_for(|status| *status > 0).await.expect("the test runs");
    StatusCode::from_u16(status).expect("a status")
}

async fn drained(Shared(receiver): Shared<Receiver>, uri: Uri) -> String {
    assert!(uri.query().is_some_and(|query| query.starts_with("node_id=")));
    let drained = *receiver.drained.lock().expect("no panic");
    json!({"drained": drained, "message": "jobs run"}).to_string()
}

/// A folder of secrets that outlives the test.
fn secrets() -> &'static str {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder").keep();
    for (name, text) in [("key", KEY), ("token", TOKEN)] {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("it is written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
    Box::leak(folder.display().to_string().into_boxed_str())
}

async fn installation() -> Installation {
    Installation::start(Plan { secrets: Some(secrets()), ..Plan::default() }).await
}

/// Everything that this process logs from now on.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn gather() -> Self {
        let lines = Self::default();
        let to = lines.clone();
        let filter =
            EnvFilter::new("argosy_server::leader::notify=trace,argosy_web=trace,hyper=trace,hyper_util=trace");
        let gathering = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || to.clone()).try_init();
        gathering.expect("nobody else listens in this process");
        lines
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn client(fleet: &Installation, at: usize) -> NotificationsClient<tonic::transport::Channel> {
    NotificationsClient::new(channel(fleet.port(at)))
}

async fn set(fleet: &Installation, at: usize, file: String) {
    let ask = SetSinksRequest { shard: SHARD.to_owned(), file, reason: "a test".to_owned() };
    client(fleet, at).set_sinks(ask).await.expect("they are set");
}

async fn shown(fleet: &Installation, at: usize) -> SinkSummary {
    client(fleet, at).get_sinks(GetSinksRequest { shard: SHARD.to_owned() }).await.expect("answered").into_inner()
}

fn some_machine(state: &ShardState) -> Option<String> {
    state
        .fleet()
        .iter()
        .find(|(_, machine)| machine.state == State::Idle)
        .map(|(ix, _)| state.fleet().id(ix).to_owned())
}

async fn machine(fleet: &Installation, at: usize) -> String {
    let view = fleet.state(at, "a machine is idle", |view| some_machine(&view.state).is_some()).await;
    some_machine(&view.state).expect("it was waited for")
}

async fn cordon(fleet: &Installation, machine: &str, on: bool) {
    let (_, leader) = fleet.leader().await;
    let by = By { actor: "ann".to_owned(), reason: "fan".to_owned() };
    leader.commit(Command::Cordon { machine: machine.to_owned(), on, by }).await.expect("it is committed");
}

async fn nothing_is_owed(fleet: &Installation, at: usize) {
    fleet.state(at, "nothing is owed", |view| view.state.outbox().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transition_is_told_signed_and_confirmed() {
    let (fleet, receiver) = (installation().await, Receiver::start(200).await);
    let (at, _) = fleet.leader().await;
    let elsewhere = (at + 1) % 3;
    let machine = machine(&fleet, at).await;
    set(&fleet, elsewhere, receiver.sinks("")).await;
    cordon(&fleet, &machine, true).await;
    let got = receiver.until("it is told", |got| got.len() == 1).await.remove(0);
    assert_eq!((&got.body["type"], &got.body["machine"]["id"]), (&json!("machine.cordoned"), &json!(machine)));
    assert_eq!((&got.body["id"], &got.body["data"]["reason"]), (&json!(got.id), &json!("fan")));
    assert_eq!(got.headers["authorization"], TOKEN);
    let timestamp = got.headers["webhook-timestamp"].to_str().expect("text");
    let signed = format!("{}.{timestamp}.{}", got.id, got.text);
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed.as_bytes())));
    assert_eq!(got.headers["webhook-signature"], signature.as_str());
    nothing_is_owed(&fleet, at).await;
    let row = shown(&fleet, elsewhere).await.sinks.remove(0);
    assert_eq!((row.delivered, row.pending, row.dead, row.lost), (1, 0, 0, 0), "{row:?}");
    let trial = TrySinkRequest { shard: SHARD.to_owned(), sink: "ops".to_owned() };
    assert!(client(&fleet, elsewhere).try_sink(trial).await.expect("answered").into_inner().taken);
    let got = receiver.until("it is tried", |got| got.len() == 2).await;
    assert_eq!((&got[1].body["type"], got[1].id.contains("-test-")), (&json!("test"), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_leader_had_sent_and_not_confirmed_its_successor_sends_under_the_same_id() {
    let (mut fleet, receiver) = (installation().await, Receiver::start(0).await);
    let (at, _) = fleet.leader().await;
    let machine = machine(&fleet, at).await;
    set(&fleet, at, receiver.sinks("")).await;
    cordon(&fleet, &machine, true).await;
    receiver.until("it is sent", |got| got.len() == 1).await;
    fleet.kill(at);
    let (next, _) = fleet.leader().await;
    let got = receiver.until("it is sent again", |got| got.len() == 2).await;
    assert_eq!((&got[0].id, &got[0].body["data"]), (&got[1].id, &got[1].body["data"]));
    receiver.answers.send_replace(200);
    nothing_is_owed(&fleet, next).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_was_away_is_told_everything_in_order_and_nothing_is_given_up() {
    let (fleet, receiver) = (installation().await, Receiver::start(503).await);
    let (at, _) = fleet.leader().await;
    let machine = machine(&fleet, at).await;
    set(&fleet, at, receiver.sinks(", attempts: 1")).await;
    for on in [true, false, true, false] {
        cordon(&fleet, &machine, on).await;
    }
    receiver.until("it is tried", |got| got.len() > 1).await;
    assert_eq!(shown(&fleet, at).await.sinks[0].trouble, "HTTP 503");
    receiver.answers.send_replace(204);
    nothing_is_owed(&fleet, at).await;
    let all = receiver.got.borrow().clone();
    let told: Vec<&str> = all[all.len() - 4..].iter().map(|got| got.body["type"].as_str().expect("text")).collect();
    assert_eq!(told, ["machine.cordoned", "machine.uncordoned", "machine.cordoned", "machine.uncordoned"]);
    assert_eq!(shown(&fleet, at).await.sinks[0].dead, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_ever_logged_or_kept_in_the_log_of_the_shard() {
    let lines = Lines::gather();
    let (fleet, receiver) = (installation().await, Receiver::start(503).await);
    let (at, _) = fleet.leader().await;
    let machine = machine(&fleet, at).await;
    set(&fleet, at, receiver.sinks("")).await;
    cordon(&fleet, &machine, true).await;
    // The second try comes after the first has been answered, and told of.
    receiver.until("it is tried again", |got| got.len() > 1).await;
    receiver.answers.send_replace(200);
    nothing_is_owed(&fleet, at).await;
    let logged = lines.text();
    assert!(logged.contains("ARG-1404"), "the trouble is logged: {logged}");
    let mut kept = Vec::new();
    fleet.replica(at).view().state.write_snapshot(&mut kept).expect("memory takes everything");
    for secret in [KEY, TOKEN] {
        assert!(!logged.contains(secret), "in the log: {secret}");
        assert!(!String::from_utf8_lossy(&kept).contains(secret), "in the state: {secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_turned_down_too_often_is_given_up_and_counted() {
    let (fleet, receiver) = (installation().await, Receiver::start(400).await);
    let (at, _) = fleet.leader().await;
    let machine = machine(&fleet, at).await;
    set(&fleet, at, receiver.sinks(", attempts: 1")).await;
    cordon(&fleet, &machine, true).await;
    nothing_is_owed(&fleet, at).await;
    let row = shown(&fleet, at).await.sinks.remove(0);
    assert_eq!((row.delivered, row.dead), (0, 1));
    assert!(row.dead_letter.ends_with("HTTP 400"), "{row:?}");
}

fn state_of(state: &ShardState, wanted: State) -> usize {
    state.fleet().iter().filter(|(_, machine)| machine.state == wanted).count()
}

async fn drains(fleet: &Installation) -> usize {
    fleet.effects().await.iter().filter(|effect| effect.kind() == Kind::Drain).count()
}

/// A pool's only machine begins to leave, and its workload system has been told.
async fn leaving(fleet: &Installation, at: usize, receiver: &Receiver, more: &str) -> Got {
    let url = format!("http://{}", receiver.address);
    let sinks = format!(
        "version: 1\nsinks:\n  - {{name: slurm, format: navarch, drain_url: \"{url}/\", drain_status_url: \"{url}/drained\", \
         poll_every: 100ms, secret: key{more}}}\n"
    );
    set(fleet, at, sinks).await;
    let (shard, reason) = (SHARD.to_owned(), "a test".to_owned());
    let pool = "{version: 1, pools: [{name: train, min: 1, max: 1, machine: {resources: {cpu: 4}}}]}".to_owned();
    let apply = ApplyPoolsRequest { shard: shard.clone(), file: pool, reason: reason.clone(), ..Default::default() };
    let mut pools = PoolsClient::new(channel(fleet.port(at)));
    pools.apply_pools(apply).await.expect("it is set");
    fleet.state(at, "the machine serves", |view| state_of(&view.state, State::Configured) == 1).await;
    let remove = RemovePoolRequest { shard, pool: "train".to_owned(), reason };
    pools.remove_pool(remove).await.expect("it is there");
    let got = receiver.until("the drain is told", |got| got.len() == 1).await.remove(0);
    nothing_is_owed(fleet, at).await;
    got
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_of_a_pool_is_drained_at_its_provider_when_its_workload_system_says_so() {
    let (fleet, receiver) = (installation().await, Receiver::start(200).await);
    let (at, _) = fleet.leader().await;
    let got = leaving(&fleet, at, &receiver, "").await;
    assert_eq!((&got.body["event"], got.body.get("data")), (&json!("drain"), None));
    assert_eq!(drains(&fleet).await, 0, "drained while its jobs run");
    *receiver.drained.lock().expect("no panic") = true;
    fleet.state(at, "the machine is drained", |view| state_of(&view.state, State::Draining) == 0).await;
    assert!(drains(&fleet).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_system_that_never_says_so_holds_no_drain_for_ever() {
    let (fleet, receiver) = (installation().await, Receiver::start(200).await);
    let (at, _) = fleet.leader().await;
    leaving(&fleet, at, &receiver, ", drain_within: 2s").await;
    fleet.state(at, "the machine is drained", |view| state_of(&view.state, State::Draining) == 0).await;
    assert!(drains(&fleet).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_leader_asks_the_workload_system_again() {
    let (mut fleet, receiver) = (installation().await, Receiver::start(200).await);
    let (at, _) = fleet.leader().await;
    leaving(&fleet, at, &receiver, "").await;
    fleet.kill(at);
    let (next, _) = fleet.leader().await;
    assert_eq!(drains(&fleet).await, 0, "drained while its jobs run");
    *receiver.drained.lock().expect("no panic") = true;
    fleet.state(next, "the machine is drained", |view| state_of(&view.state, State::Draining) == 0).await;
    assert!(drains(&fleet).await > 0);
}
