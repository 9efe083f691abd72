//! Lanes of a running installation: a quota and a breaker hold purchases back, and people see it and lift it through any node.

use argosy_proto::argosy::v1::lanes_client::LanesClient;
use argosy_proto::argosy::v1::sim_provider_client::SimProviderClient;
use argosy_proto::argosy::v1::{
    ApplyPoolsRequest, CloseLaneRequest, Faults, LaneRow, LanesChanged, ListLanesRequest, ListLanesResponse,
    SetFaultsRequest, SetLanePolicyRequest,
};
use argosy_server::replica::View;
use argosy_shard::Pool;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::installation::{Installation, Plan, SHARD, channel, within};

/// More machines than there are without buying any, and fewer than there are at all.
const WANTED: usize = 12;

const QUOTAS: &str = "version: 1
quotas:
  - {provider: sim, region: eu, instance_type: cpu.4, machines: 1}
  - {provider: sim, region: us, instance_type: cpu.4, machines: 1}
";

/// Opens soon, and by itself closes not before the test is over.
const BREAKER: &str = "version: 1
breaker: {after: 2, first: 1h, longest: 1h}
";

fn lanes(fleet: &Installation, at: usize) -> LanesClient<Channel> {
    LanesClient::new(channel(fleet.port(at)))
}

async fn set(fleet: &Installation, at: usize, policy: &str, reason: &str) -> Result<LanesChanged, Status> {
    let (shard, policy, reason) = (SHARD.to_owned(), policy.to_owned(), reason.to_owned());
    let ask = SetLanePolicyRequest { shard, policy, reason };
    lanes(fleet, at).set_lane_policy(ask).await.map(tonic::Response::into_inner)
}

async fn close(fleet: &Installation, at: usize, [provider, region, instance_type]: [&str; 3]) -> Result<(), Status> {
    let ask = CloseLaneRequest {
        shard: SHARD.to_owned(),
        provider: provider.to_owned(),
        region: region.to_owned(),
        instance_type: instance_type.to_owned(),
        reason: "a test".to_owned(),
    };
    lanes(fleet, at).close_lane(ask).await.map(drop)
}

async fn shown(fleet: &Installation, at: usize) -> ListLanesResponse {
    let ask = ListLanesRequest { shard: SHARD.to_owned() };
    lanes(fleet, at).list_lanes(ask).await.expect("any node answers").into_inner()
}

/// The lanes of what has to be bought, once they are so. Shown is what a node answers, and nobody tells when that changes.
async fn bought(fleet: &Installation, at: usize, what: &str, met: impl Fn(&LaneRow) -> bool) -> Vec<LaneRow> {
    within(what, async {
        loop {
            let rows: Vec<_> =
                shown(fleet, at).await.lanes.into_iter().filter(|row| row.instance_type == "cpu.4").collect();
            if rows.len() == 2 && rows.iter().all(&met) {
                return rows;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

async fn want(fleet: &Installation, at: usize) {
    let file = format!(
        "version: 1\npools:\n  - name: batch\n    machine: {{resources: {{cpu: \"4\"}}}}\n    min: {WANTED}\n    max: {WANTED}\n"
    );
    let (shard, file_name, reason) = (SHARD.to_owned(), "pools.yaml".to_owned(), "a test".to_owned());
    let ask = ApplyPoolsRequest { shard, file, file_name, dry_run: false, reason };
    argosy_proto::argosy::v1::pools_client::PoolsClient::new(channel(fleet.port(at)))
        .apply_pools(ask)
        .await
        .expect("it is sound");
}

async fn throttle(fleet: &Installation, throttle_ppm: u32) {
    let faults = Some(Faults { throttle_ppm, throttle_pause_ms: 20, ..Faults::default() });
    SimProviderClient::new(fleet.provider()).set_faults(SetFaultsRequest { faults }).await.expect("it is told");
}

fn held(view: &View) -> usize {
    let claimant = view.state.fleet().words.find_cluster(&Pool::claimant("batch"));
    claimant.map_or(0, |claimant| view.state.fleet().classes().covering(claimant))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_holds_purchases_back_through_any_node_and_over_the_loss_of_its_leader_until_it_is_lifted() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let other = (at + 1) % 3;
    let revision = set(&fleet, other, QUOTAS, "a contract").await.expect("any node takes it").revision;
    want(&fleet, other).await;
    let full = |row: &LaneRow| row.held == 1 && row.passed_by == "quota_reached" && row.allowance == Some(0);
    let rows = bought(&fleet, other, "each lane has the one machine that it may", full).await;
    assert!(rows.iter().all(|row| row.free == 0 && row.held_back > 0), "{rows:?}");
    assert_eq!(shown(&fleet, other).await.policy_revision, revision);

    fleet.kill(at);
    let (next, _) = fleet.leader().await;
    let after = shown(&fleet, next).await;
    assert_eq!(after.policy_revision, revision);
    bought(&fleet, next, "the next leader keeps to it", full).await;
    assert!(held(&fleet.replica(next).view()) < WANTED);

    set(&fleet, next, "", "the contract has ended").await.expect("empty is the policy of a new installation");
    fleet.state(next, "the pool has what it wants", |view| held(view) == WANTED).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_that_refusals_opened_is_shown_and_closed_by_hand() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let other = (at + 1) % 3;
    set(&fleet, other, BREAKER, "a test").await.expect("any node takes it");
    throttle(&fleet, 1_000_000).await;
    want(&fleet, other).await;
    let rows = bought(&fleet, other, "both breakers open", |row| row.breaker == "open").await;
    for row in &rows {
        assert!(row.refusals >= 2 && row.opens_in_ms.is_some_and(|left| left > 0), "{row:?}");
        assert_eq!((row.last_refusal.as_str(), row.passed_by.as_str()), ("throttled", "breaker_open"), "{row:?}");
    }

    throttle(&fleet, 0).await;
    close(&fleet, other, ["sim", "eu", "cpu.4"]).await.expect("the lane is there");
    close(&fleet, other, ["", "", ""]).await.expect("all of them");
    fleet.state(at, "the pool has what it wants", |view| held(view) == WANTED).await;
    bought(&fleet, other, "both are closed", |row| row.breaker == "closed" && row.passed_by.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_lane_file_or_a_lane_is_told_with_its_code_and_changes_nothing() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    for (file, reason, code, told) in [
        (QUOTAS.replace("machines: 1}\n  -", "machine: 1}\n  -"), "a test", "ARG-1200", "line 3"),
        (QUOTAS.replace("region: us", "region: eu"), "a test", "ARG-1201", "another quota"),
        (format!("{QUOTAS}#{}", "x".repeat(1 << 20)), "a test", "ARG-1200", "bytes"),
        (QUOTAS.to_owned(), "", "ARG-0657", "reason"),
    ] {
        let status = set(&fleet, at, &file, reason).await.expect_err("it is wrong");
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().starts_with(code) && status.message().contains(told), "{status}");
    }
    let status = close(&fleet, at, ["sim", "mars", "cpu.4"]).await.expect_err("there is no such lane");
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().starts_with("ARG-1209"), "{status}");
    assert_eq!(shown(&fleet, at).await.policy_revision, 0);
}
