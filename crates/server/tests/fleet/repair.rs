//! Repair from the agent's report to the machine's return, on three nodes: an order outlives its leader, and people see and order.

use std::collections::BTreeMap;

use argosy_model::Flags;
use argosy_proto::argosy::v1::agent_instruction::Message as Down;
use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::machine_health_client::MachineHealthClient;
use argosy_proto::argosy::v1::machine_repair_client::MachineRepairClient;
use argosy_proto::argosy::v1::{
    AgentCommand, AgentCommandKind, AgentCommandState, AgentCommandUpdate, AgentInventory, EventMetric,
    GetRepairsRequest, GpuDevice, HealthEvent, HealthEventType, HoldRepairRequest, RepairNowRequest, RepairSummary,
    ResetBreakerRequest, SetHealthModeRequest, SetRepairPolicyRequest, event_metric,
};
use tonic::transport::Channel;

use crate::agents::{Agent, hello, machine_with_host, record};
use crate::installation::{Installation, Plan, SHARD, channel};

const EAGER: &str = "
version: 1
grace: {reset-gpu: 0s, reboot-host: 0s}
act: {reset-gpu: {soak: 0s}}
";

fn client(fleet: &Installation, at: usize) -> MachineRepairClient<Channel> {
    MachineRepairClient::new(channel(fleet.port(at)))
}

fn shard() -> String {
    SHARD.to_owned()
}

fn why() -> String {
    "a test".to_owned()
}

async fn act(fleet: &Installation, at: usize) {
    let ask = SetHealthModeRequest { shard: shard(), acts: true, reason: why() };
    MachineHealthClient::new(channel(fleet.port(at))).set_health_mode(ask).await.expect("it is committed");
}

async fn summary(fleet: &Installation, at: usize) -> RepairSummary {
    client(fleet, at).get_repairs(GetRepairsRequest { shard: shard() }).await.expect("answered").into_inner()
}

fn health_event(kind: HealthEventType, gpu_index: i32, xid: Option<i64>) -> Record {
    let value = |code| EventMetric { value: Some(event_metric::Value::Integer(code)) };
    let metrics: BTreeMap<String, EventMetric> =
        xid.map(|code| ("xid_code".to_owned(), value(code))).into_iter().collect();
    Record::Event(HealthEvent { event_type: kind.into(), gpu_index, metrics, ..HealthEvent::default() })
}

/// The next command that an agent is given.
async fn told(agent: &mut Agent) -> AgentCommand {
    loop {
        match agent.hears().await {
            Ok(Down::Command(command)) => return command,
            Ok(_) => {}
            Err(code) => panic!("the stream ended: {code:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_that_is_ordered_outlives_its_leader_and_brings_the_machine_back() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let elsewhere = (at + 1) % 3;
    let (machine, _) = machine_with_host(&fleet, at).await;
    let policy = SetRepairPolicyRequest { shard: shard(), policy: EAGER.to_owned(), reason: why() };
    client(&fleet, elsewhere).set_repair_policy(policy).await.expect("it is taken");
    act(&fleet, elsewhere).await;
    let gpus = (0..2).map(|index| GpuDevice { index, uuid: format!("GPU-{index}"), ..GpuDevice::default() }).collect();
    let inventory = AgentInventory { gpus, ..AgentInventory::default() };
    let greeting = argosy_proto::argosy::v1::AgentHello { inventory: Some(inventory), ..hello(&machine) };
    let (mut agent, _) = Agent::attached(&fleet, elsewhere, greeting.clone()).await;
    agent.send(vec![record(1, health_event(HealthEventType::Xid, 1, Some(64)))]).await;
    let first = told(&mut agent).await;
    assert_eq!((first.kind(), first.gpu_uuids.as_slice()), (AgentCommandKind::ResetGpu, &["GPU-1".to_owned()][..]));
    let shown = summary(&fleet, elsewhere).await;
    assert_eq!((shown.repairs.len(), shown.repairs[0].step.as_str()), (1, "acting"), "{shown:?}");
    drop((leader, agent));
    fleet.kill(at);
    let (at, _) = fleet.leader().await;
    let (mut agent, _) = Agent::attached(&fleet, at, greeting).await;
    let again = told(&mut agent).await;
    assert_eq!(again.id, first.id, "the same order is the same act");
    let (id, kind) = (again.id.clone(), again.kind);
    let done = AgentCommandUpdate { id, kind, state: AgentCommandState::Succeeded.into(), ..Default::default() };
    agent
        .send(vec![record(2, health_event(HealthEventType::GpuReset, 1, None)), record(3, Record::Command(done))])
        .await;
    let back = fleet.state(at, "the machine is supply again", |view| {
        let ix = view.state.fleet().find(&machine).expect("it is there");
        let is_free = !view.state.fleet().machine(ix).flags.has(Flags::UNHEALTHY | Flags::KEPT);
        is_free && view.state.repairs().book().counts().repaired == 1
    });
    let counts = *back.await.state.repairs().book().counts();
    assert_eq!((counts.opened, counts.admitted, counts.orders, counts.failed), (1, 1, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_what_waits_hold_a_machine_and_order_a_repair() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let elsewhere = (at + 1) % 3;
    let (machine, _) = machine_with_host(&fleet, at).await;
    act(&fleet, elsewhere).await;
    let broken = SetRepairPolicyRequest { shard: shard(), policy: "treshold: 1".to_owned(), reason: why() };
    let refused = client(&fleet, elsewhere).set_repair_policy(broken).await.expect_err("it is refused");
    assert!(refused.message().starts_with("ARG-1020: policy:"), "{}", refused.message());
    let hold = HoldRepairRequest { machine: machine.clone(), shard: shard(), for_ms: 7_200_000, reason: why() };
    client(&fleet, elsewhere).hold_repair(hold).await.expect("it is held");
    let (agent, _) = Agent::attached(&fleet, elsewhere, hello(&machine)).await;
    agent.send(vec![record(1, health_event(HealthEventType::Xid, 1, Some(64)))]).await;
    fleet.state(at, "a repair waits", |view| view.state.repairs().book().len() == 1).await;
    let shown = summary(&fleet, elsewhere).await;
    assert_eq!((shown.acts, shown.policy_revision, shown.holds.len()), (true, 0, 1));
    assert_eq!((shown.repairs[0].step.as_str(), shown.repairs[0].waits_for.as_str()), ("waiting", "hold"), "{shown:?}");
    let now = |class: &str, machine: &str| RepairNowRequest {
        machine: machine.to_owned(),
        shard: shard(),
        class: class.to_owned(),
        reason: why(),
    };
    let unknown = client(&fleet, elsewhere).repair_now(now("restart", &machine)).await.expect_err("no such repair");
    assert!(unknown.message().starts_with("ARG-1023"), "{}", unknown.message());
    let nobody = client(&fleet, elsewhere).repair_now(now("quarantine", "nobody")).await.expect_err("no such machine");
    assert!(nobody.message().contains("ARG-0420"), "{}", nobody.message());
    client(&fleet, elsewhere).repair_now(now("quarantine", &machine)).await.expect("it is ordered");
    fleet
        .state(at, "it is kept for somebody to look at", |view| {
            view.state.repair_of(&machine).is_some_and(|repair| repair.step == argosy_repair::Step::Quarantined)
        })
        .await;
    let row = summary(&fleet, elsewhere).await.repairs.remove(0);
    assert_eq!((row.waits_for.as_str(), row.ordered_by.is_empty()), ("hands", false));
    let reset = ResetBreakerRequest { shard: shard(), reason: why(), ..ResetBreakerRequest::default() };
    client(&fleet, elsewhere).reset_breaker(reset.clone()).await.expect("none is open");
    let odd = ResetBreakerRequest { scope: "row".to_owned(), ..reset };
    let refused = client(&fleet, elsewhere).reset_breaker(odd).await.expect_err("no such scope");
    assert!(refused.message().starts_with("ARG-1023"), "{}", refused.message());
}
