//! Consolidation as people switch it on and look at it, through any node.

use argosy_proto::argosy::v1::consolidation_client::ConsolidationClient;
use argosy_proto::argosy::v1::{SetConsolidationRequest, ShowConsolidationRequest, ShowConsolidationResponse};
use tonic::Code;
use tonic::transport::Channel;

use crate::installation::{Installation, Plan, SHARD, channel};

const POLICY: &str = "version: 1
consolidation:
  enabled: true
  budgets:
    - {per: shard, moves: 5%, within: 1h}
    - {per: cluster, moves: 0, within: 1h, schedule: [{start: '00:00', end: '24:00'}]}
";

fn client(fleet: &Installation, at: usize) -> ConsolidationClient<Channel> {
    ConsolidationClient::new(channel(fleet.port(at)))
}

async fn show(fleet: &Installation, at: usize) -> ShowConsolidationResponse {
    let ask = ShowConsolidationRequest { shard: SHARD.to_owned() };
    client(fleet, at).show_consolidation(ask).await.expect("it answers").into_inner()
}

fn set(policy: &str, reason: &str) -> SetConsolidationRequest {
    SetConsolidationRequest { shard: SHARD.to_owned(), policy: policy.to_owned(), reason: reason.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consolidation_is_off_until_somebody_says_why_it_should_be_on() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let node = (at + 1) % 3;
    let before = show(&fleet, node).await;
    assert_eq!((before.enabled, before.policy_revision), (false, 0));

    let refused = |code: &'static str| move |status: tonic::Status| (status.message().starts_with(code), status.code());
    let unreasoned = client(&fleet, node).set_consolidation(set(POLICY, "")).await.map_err(refused("ARG-0657"));
    assert_eq!(unreasoned.expect_err("why?"), (true, Code::InvalidArgument));
    let unbraked = set("version: 1\nconsolidation: {enabled: true, budgets: []}\n", "why");
    let unbraked = client(&fleet, node).set_consolidation(unbraked).await.map_err(refused("ARG-1201"));
    assert_eq!(unbraked.expect_err("no brake"), (true, Code::InvalidArgument));

    let changed = client(&fleet, node).set_consolidation(set(POLICY, "spot is cheap")).await.expect("it is sound");
    let after = show(&fleet, (at + 2) % 3).await;
    assert_eq!((after.enabled, after.policy_revision), (true, changed.into_inner().revision));
    let budgets: Vec<_> = after.budgets.iter().map(|row| (row.per.as_str(), row.moves.as_str(), row.taken)).collect();
    assert_eq!(budgets, [("shard", "5%", None), ("cluster", "0", None)]);
    assert!(after.policy.contains("enabled: true") && after.budgets.iter().all(|budget| budget.in_force));

    let off = client(&fleet, node).set_consolidation(set("", "enough")).await;
    off.expect("the policy of a new installation");
    assert!(!show(&fleet, node).await.enabled);
}
