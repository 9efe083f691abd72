//! A disk that fails, a shard that halts: told with a code, and kept to where it happened.

use argosy_proto::argosy::v1::ResumeShardRequest;
use argosy_proto::argosy::v1::admin_client::AdminClient;
use argosy_server::node::Node;
use argosy_shard::Command;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::installation::{Installation, Plan, SHARD, channel, within};
use crate::operator::{CONFIGURED, Operator};

/// Waits until a node says of itself that something with this code is wrong.
async fn complains(node: &Node, code: &str) -> String {
    within(&format!("the node says {code}"), async {
        loop {
            if let Some(reason) = node.reasons().into_iter().find(|reason| reason.contains(code)) {
                return reason;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_fails_is_not_ready_and_another_one_acknowledges() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, before) = fleet.leader().await;
    let term = before.term();
    drop(before);
    let operator = Operator::greet(fleet.port((at + 1) % 3), "c1").await;
    fleet.disk(at).fail_next_sync();
    operator.needs(8).await;
    complains(fleet.node(at), "ARG-0207").await;
    let heard = operator.hears("another leader acknowledges", |heard| heard.acks == 1).await;
    assert!(heard.ended.is_none(), "the operator's stream noticed more than a pause");
    operator.hears("two machines are told", |heard| heard.in_state(CONFIGURED) == 2).await;
    let mut health = HealthClient::new(channel(fleet.port(at)));
    within("the health service says so", async {
        loop {
            let answer = health.check(HealthCheckRequest::default()).await.expect("it answers").into_inner();
            if answer.status() == ServingStatus::NotServing {
                return;
            }
        }
    })
    .await;
    // What was not synced is lost with the power, and nothing that was acknowledged is.
    fleet.kill(at);
    fleet.start_node(at).await;
    fleet.state(at, "it has caught up", |view| view.state.demand().len() == 1).await;
    assert!(fleet.leader().await.1.term() > term);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_raised_to_a_later_release_halts_with_its_evidence_and_acknowledges_nothing() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    let raised = fleet.on(at, {
        let leader = leader.clone();
        async move { leader.commit(Command::RaiseStateVersion { to: 2 }).await }
    });
    assert!(raised.await.is_err(), "this release knows no such version");
    operator.needs(8).await;
    for node in 0..3 {
        let reason = complains(fleet.node(node), "ARG-0432").await;
        assert!(reason.contains("halted at entry"), "{reason}");
    }
    assert_eq!(operator.heard().acks, 0, "a halted shard acknowledged a roll-up");
    let resumed = AdminClient::new(channel(fleet.port(at)))
        .resume_shard(ResumeShardRequest { shard: SHARD.to_owned(), reason: "try".to_owned() })
        .await;
    assert!(resumed.expect_err("this release cannot").message().contains("too old"));
}
