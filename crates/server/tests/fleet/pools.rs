//! Pools of a running installation: from a file to machines, and over the loss of a leader.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use argosy_model::State;
use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::pools_client::PoolsClient;
use argosy_proto::argosy::v1::{
    AgentSample, ApplyPoolsRequest, GpuSample, ListPoolsRequest, PoolRow, PushMetricsRequest, RemovePoolRequest,
};
use argosy_server::replica::View;
use argosy_shard::Pool;
use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use tokio::net::TcpListener;
use tonic::Code;
use tonic::transport::Channel;

use crate::agents::{Agent, hello, record};
use crate::installation::{Installation, Plan, SHARD, channel, within};

const FILE: &str = "version: 1
pools:
  - name: batch
    machine: {resources: {cpu: \"4\"}}
    min: 2
    max: 9
    autoscaler: {queue: {jobs_per_machine: 10}}
    user_data: |
      join {{pool}} as {{machine}}
";

fn pools(fleet: &Installation, at: usize) -> PoolsClient<Channel> {
    PoolsClient::new(channel(fleet.port(at)))
}

fn apply(file: &str, dry_run: bool) -> ApplyPoolsRequest {
    let (shard, file_name, reason) = (SHARD.to_owned(), "pools.yaml".to_owned(), "a test".to_owned());
    ApplyPoolsRequest { shard, file: file.to_owned(), file_name, dry_run, reason }
}

fn jobs(queue_depth: u64) -> PushMetricsRequest {
    let (shard, pool) = (SHARD.to_owned(), "batch".to_owned());
    PushMetricsRequest { shard, pool, queue_depth: Some(queue_depth), utilisation_percent: None }
}

fn held(view: &View) -> usize {
    let claimant = view.state.fleet().words.find_cluster(&Pool::claimant("batch"));
    claimant.map_or(0, |claimant| view.state.fleet().classes().covering(claimant))
}

async fn shown(fleet: &Installation, at: usize) -> PoolRow {
    let ask = ListPoolsRequest { shard: SHARD.to_owned(), ..Default::default() };
    let mut rows = pools(fleet, at).list_pools(ask).await.expect("it answers").into_inner().pools;
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_holds_its_minimum_follows_its_queue_and_outlives_its_leader() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let other = (at + 1) % 3;

    let tried = pools(&fleet, other).apply_pools(apply(FILE, true)).await.expect("it is sound").into_inner();
    assert_eq!((tried.pools[0].change.as_str(), tried.pools[0].revision), ("new", 0));
    assert_eq!(fleet.replica(at).view().state.pools().len(), 0, "a dry run writes nothing");

    let applied = pools(&fleet, other).apply_pools(apply(FILE, false)).await.expect("any node takes it").into_inner();
    assert!(applied.pools[0].revision > 0);
    fleet.state(at, "the minimum is there without any metric", |view| held(view) == 2).await;

    pools(&fleet, other).push_metrics(jobs(73)).await.expect("any node takes it");
    fleet.state(at, "73 jobs at 10 to a machine are 8 machines", |view| held(view) == 8).await;
    let row = shown(&fleet, other).await;
    assert_eq!((row.target, row.ready, row.wanted), (8, 8, 8));
    assert_eq!(row.reason, "73 jobs wait, 10 to a machine");

    let again = pools(&fleet, other).apply_pools(apply(FILE, false)).await.expect("it is sound").into_inner();
    assert_eq!((again.pools[0].change.as_str(), again.pools[0].revision), ("unchanged", 0));

    fleet.kill(at);
    let (next, leader) = fleet.leader().await;
    assert_ne!(next, at);
    leader.autoscaler().look();
    let view = fleet.state(next, "the next leader knows the pool", |view| view.state.pool("batch").is_some()).await;
    let standing = view.state.pool("batch").expect("there").standing;
    assert_eq!((standing.target, held(&view)), (8, 8), "a leader that has seen nothing yet shrinks nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_pool_is_told_with_its_code_and_place_and_changes_nothing() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let refused = |status: tonic::Status| (status.message().split(':').next().unwrap_or_default().to_owned(), status);
    for (file, code, told) in [
        (FILE.replace("min: 2", "mni: 2"), "ARG-1200", "line 5"),
        (FILE.replace("min: 2", "min: 20"), "ARG-1201", "`min`"),
        (format!("{FILE}#{}", "x".repeat(1 << 20)), "ARG-1200", "bytes"),
    ] {
        let status = pools(&fleet, at).apply_pools(apply(&file, false)).await.expect_err("it is wrong");
        let (found, status) = refused(status);
        assert_eq!((found.as_str(), status.code()), (code, Code::InvalidArgument), "{status}");
        assert!(status.message().contains(told), "{status}");
    }
    let status = pools(&fleet, at).push_metrics(jobs(1)).await.expect_err("there is no pool");
    assert_eq!((refused(status.clone()).0.as_str(), status.code()), ("ARG-1203", Code::NotFound));
    let remove = RemovePoolRequest { shard: SHARD.to_owned(), pool: "batch".to_owned(), reason: "gone".to_owned() };
    let status = pools(&fleet, at).remove_pool(remove).await.expect_err("there is no pool");
    assert_eq!(refused(status).0, "ARG-1203");
    assert_eq!(fleet.replica(at).view().state.pools().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_is_removed_lets_its_machines_go() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    pools(&fleet, at).apply_pools(apply(FILE, false)).await.expect("it is sound");
    fleet.state(at, "the minimum is there", |view| held(view) == 2).await;
    let remove = RemovePoolRequest { shard: SHARD.to_owned(), pool: "batch".to_owned(), reason: "a test".to_owned() };
    pools(&fleet, at).remove_pool(remove).await.expect("it is there");
    fleet.state(at, "its machines are given back", |view| held(view) == 0).await;
}

/// As Prometheus 2.42 answers.
const ANSWER: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1795389630.319,"73"]}]}}"#;

/// A Prometheus that answers with this status.
async fn prometheus(status: Arc<AtomicU16>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let answer = move |uri: Uri| {
        assert_eq!(uri.query(), Some("query=sum%28waiting%29"));
        let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).expect("a status");
        async move { (status, ANSWER) }
    };
    let app = Router::new().route("/api/v1/query", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_follows_what_prometheus_says_and_holds_when_it_says_nothing() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let status = Arc::new(AtomicU16::new(200));
    let url = prometheus(Arc::clone(&status)).await;
    let asks = format!("metrics: {{prometheus: {{url: \"{url}\", queue_depth: sum(waiting), every: 1s}}}}\n    min: 2");
    pools(&fleet, at).apply_pools(apply(&FILE.replace("min: 2", &asks), false)).await.expect("it is sound");
    fleet.state(at, "73 jobs at 10 to a machine are 8 machines", |view| held(view) == 8).await;
    status.store(500, Ordering::SeqCst);
    let failing = async {
        while !shown(&fleet, at).await.metrics.contains("Prometheus: HTTP 500") {
            tokio::task::yield_now().await;
        }
    };
    within("it is shown that Prometheus says nothing", failing).await;
    assert_eq!(shown(&fleet, at).await.target, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_agents_say_of_their_load_sizes_the_pool_that_their_machines_serve() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let reactive = FILE.replace("queue: {jobs_per_machine: 10}", "reactive: {}");
    pools(&fleet, at).apply_pools(apply(&reactive, false)).await.expect("it is sound");
    let view = fleet.state(at, "the minimum is there", |view| held(view) == 2).await;
    let serving = view.state.fleet().iter().filter(|(_, machine)| machine.state == State::Configured);
    let machines: Vec<String> = serving.map(|(ix, _)| view.state.fleet().id(ix).to_owned()).collect();
    let mut agents = Vec::new();
    for (machine, percent) in machines.iter().zip([100, 90]) {
        let (agent, _) = Agent::attached(&fleet, (at + 1) % 3, hello(machine)).await;
        let gpu = GpuSample { utilization_percent: Some(percent), ..GpuSample::default() };
        let sample = AgentSample { gpus: vec![gpu], ..AgentSample::default() };
        agent.send(vec![record(1, Record::Sample(sample))]).await;
        agents.push(agent);
    }
    fleet.state(at, "a machine more is wanted", |view| held(view) == 3).await;
    assert!(shown(&fleet, at).await.metrics.contains("utilisation 95 %"));
}
