//! Why, and what if: any node answers, of a state that it names, and nothing of the fleet is touched.

use argosy_engine::explain::{MachineExplanation, NeedExplanation, PlanExplanation, RemedyKind, Role};
use argosy_engine::whatif::Outcome;
use argosy_model::ShardTime;
use argosy_proto::argosy::v1::fleet_client::FleetClient;
use argosy_proto::argosy::v1::{
    ExplainMachineRequest, ExplainNeedsRequest, ExplainPlanRequest, Freshness, GetShardRequest, WhatIfRequest,
};
use argosy_proto::bigfleet::v1alpha1::inspect_needs_response::Frame;
use argosy_proto::bigfleet::v1alpha1::shard_read_client::ShardReadClient;
use argosy_proto::bigfleet::v1alpha1::{InspectNeedsRequest, NeedView};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::installation::{Installation, Plan, SHARD, channel};
use crate::operator::Operator;

/// A stepped shard whose 48 machines of four CPUs serve a cluster that asks for 200, and the node that leads it.
async fn short_by_eight() -> (Installation, usize, Operator) {
    let fleet = Installation::start(Plan { mode: "lockstep", voters: 3, secrets: None }).await;
    let (at, leader) = fleet.leader().await;
    let operator = Operator::greet(fleet.port(at), "c1").await;
    operator.needs(200).await;
    operator.hears("the roll-up is acknowledged", |heard| heard.acks == 1).await;
    let stepped = fleet.on(at, async move { leader.step_to(ShardTime(60_000)).await }).await.expect("it steps");
    assert!(stepped.settled, "{stepped:?}");
    (fleet, at, operator)
}

fn client(fleet: &Installation, at: usize) -> FleetClient<Channel> {
    FleetClient::new(channel(fleet.port(at)))
}

fn ask_needs(runs: u32) -> ExplainNeedsRequest {
    ExplainNeedsRequest { shard: SHARD.to_owned(), cluster: "c1".to_owned(), runs, ..Default::default() }
}

fn what_if(scenario: &str, freshness: Freshness) -> WhatIfRequest {
    WhatIfRequest { shard: SHARD.to_owned(), scenario_json: scenario.to_owned(), freshness: freshness.into() }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("the documented form")
}

fn code<T: std::fmt::Debug>(answer: Result<T, Status>) -> (String, Code) {
    let status = answer.expect_err("it is refused");
    (status.message().split(':').next().unwrap_or_default().to_owned(), status.code())
}

async fn inspected(fleet: &Installation, at: usize) -> NeedView {
    let mut client = ShardReadClient::new(channel(fleet.port(at)));
    let mut frames = client.inspect_needs(InspectNeedsRequest::default()).await.expect("it answers").into_inner();
    loop {
        match frames.message().await.expect("it answers").expect("there is a need").frame {
            Some(Frame::Need(need)) => return need,
            _ => continue,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_node_says_why_a_need_is_short_and_who_a_machine_serves() {
    let (fleet, at, _operator) = short_by_eight().await;
    for node in 0..3 {
        let mut client = client(&fleet, node);
        let answer = client.explain_needs(ask_needs(8)).await.expect("it answers").into_inner();
        let as_of = answer.as_of.expect("every answer says of when it is");
        assert_eq!((as_of.node, as_of.stale_ms, answer.total), (format!("n{}", at + 1), 0, 1));
        assert_eq!(as_of.revision, fleet.replica(at).view().applied);
        let need: NeedExplanation = read(&answer.needs_json[0]);
        assert_eq!((need.satisfied, need.looked_at, need.given.serving, need.left), (false, 48, 48, 0));
        assert_eq!(need.lacks.get("cpu").map(String::as_str), Some("8"));
        let added = need.remedies.iter().find(|remedy| remedy.kind == RemedyKind::AddMachines).expect("machines help");
        assert_eq!(added.scenario.add_machines[0].count, 2);

        let ask = ExplainMachineRequest {
            machine: added.scenario.add_machines[0].like.clone().expect("an example"),
            ..Default::default()
        };
        let answer = client.explain_machine(ask).await.expect("found without its shard").into_inner();
        let machine: MachineExplanation = read(&answer.machine_json);
        assert_eq!((machine.role, machine.need), (Role::Covers, Some(need.need.clone())));

        let ask = ExplainPlanRequest { shard: SHARD.to_owned(), ..Default::default() };
        let answer = client.explain_plan(ask).await.expect("it answers").into_inner();
        let plan: PlanExplanation = read(&answer.plan_json);
        assert!(answer.cycle > 1 && answer.dropped.is_empty(), "{answer:?}");
        assert_eq!((plan.actions, plan.short), (0, 1));
        assert!(plan.diff.is_some(), "the cycle before is at hand");

        let view = inspected(&fleet, node).await;
        assert_eq!((view.satisfied, view.claimed_machine_count), (need.satisfied, 48));
        assert_eq!(view.residual_deficit.expect("said").resources.get("cpu").map(String::as_str), Some("8"));
        let matching = view.matching_supply.expect("counted");
        assert_eq!((matching.idle, matching.configured, matching.speculative, matching.capped), (0, 48, 0, false));
        assert!(view.preemption.expect("said").capacity_freed.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_what_if_says_what_would_come_and_touches_neither_state_nor_log() {
    let (fleet, at, _operator) = short_by_eight().await;
    let hashed = async || {
        let ask = GetShardRequest { shard: SHARD.to_owned(), with_state_hash: true, ..Default::default() };
        let detail = client(&fleet, at).get_shard(ask).await.expect("it answers").into_inner();
        let as_of = detail.as_of.expect("it says of when");
        assert!(!detail.state_hash.is_empty());
        (detail.state_hash, detail.decision_log_hash, as_of.revision, as_of.term, detail.open_operations)
    };
    let before = hashed().await;
    let last = fleet.replica(at).status().committed;
    let lost = r#"{"lose": [{"key": "zone", "value": "eu-a"}]}"#;
    let grown = r#"{"add_machines": [{"count": 2, "state": "idle", "resources": {"cpu": "4"}}]}"#;
    for node in 0..3 {
        let mut client = client(&fleet, node);
        let answer = client.what_if(what_if(lost, Freshness::Linearizable)).await.expect("it answers").into_inner();
        assert_eq!(answer.as_of.expect("it says of when").revision, before.2);
        let outcome: Outcome = read(&answer.outcome_json);
        assert_eq!((outcome.before.machines, outcome.after.machines), (48, 24));
        assert_eq!((outcome.before.short, outcome.after.short, outcome.worse_total), (1, 1, 1));
        assert!(outcome.after.cost.now_microusd_per_hour < outcome.before.cost.now_microusd_per_hour);
        // Every replica has the state, and can be asked for its own.
        let answer = client.what_if(what_if(grown, Freshness::Stale)).await.expect("it answers").into_inner();
        assert_eq!(answer.as_of.expect("it says of when").node, format!("n{}", node + 1));
        let outcome: Outcome = read(&answer.outcome_json);
        assert_eq!((outcome.after.short, outcome.better_total), (0, 1), "{outcome:?}");
        client.explain_needs(ask_needs(64)).await.expect("it answers");
    }
    assert_eq!(hashed().await, before);
    assert_eq!(fleet.replica(at).status().committed, last, "something went into the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_explained_or_tried_is_refused_with_a_code() {
    let (fleet, at, _operator) = short_by_eight().await;
    for node in [at, (at + 1) % 3] {
        let mut client = client(&fleet, node);
        let nobody = ExplainNeedsRequest { cluster: "c9".to_owned(), ..ask_needs(0) };
        assert_eq!(code(client.explain_needs(nobody).await), ("ARG-0666".to_owned(), Code::NotFound));
        let urgent = ExplainNeedsRequest { priority: Some(7), ..ask_needs(0) };
        assert_eq!(code(client.explain_needs(urgent).await), ("ARG-0666".to_owned(), Code::NotFound));
        let ghost = ExplainMachineRequest { machine: "ghost".to_owned(), ..Default::default() };
        assert_eq!(code(client.explain_machine(ghost).await), ("ARG-0654".to_owned(), Code::NotFound));
        let nowhere = ExplainPlanRequest { shard: "s9".to_owned(), ..Default::default() };
        assert_eq!(code(client.explain_plan(nowhere).await), ("ARG-0650".to_owned(), Code::NotFound));
        for bad in [
            "{}",
            "nonsense",
            r#"{"loose": []}"#,
            r#"{"remove_machines": ["ghost"]}"#,
            r#"{"add_machines": [{"count": 100001, "resources": {"cpu": "1"}}]}"#,
        ] {
            let refused = client.what_if(what_if(bad, Freshness::Linearizable)).await;
            assert_eq!(code(refused), ("ARG-0665".to_owned(), Code::InvalidArgument), "{bad}");
        }
    }
}
