//! Node agents, as scripts: on any node, resumed, replaced, refused. spec/gpu-fleet.md section 3 and its extra tests.

use argosy_proto::argosy::v1::admin_client::AdminClient;
use argosy_proto::argosy::v1::agent_instruction::Message as Down;
use argosy_proto::argosy::v1::agent_message::Message as Up;
use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::node_agents_client::NodeAgentsClient;
use argosy_proto::argosy::v1::{
    AgentBatch, AgentCommand, AgentCommandKind, AgentCommandState, AgentCommandUpdate, AgentDetail, AgentHello,
    AgentInventory, AgentMessage, AgentRecord, AgentSample, AgentWelcome, CommandAgentRequest, EventMetric,
    GetAgentRequest, GpuDevice, GpuSample, HealthEvent, HealthEventType, ListAgentsRequest, SetCordonRequest,
    event_metric,
};
use argosy_server::replica::View;
use argosy_shard::{By, Command};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::installation::{Installation, Plan, SHARD, channel, within};

pub(crate) struct Agent {
    up: mpsc::Sender<AgentMessage>,
    down: Streaming<argosy_proto::argosy::v1::AgentInstruction>,
}

fn client(fleet: &Installation, at: usize) -> NodeAgentsClient<Channel> {
    NodeAgentsClient::new(channel(fleet.port(at)))
}

pub(crate) fn hello(agent_id: &str) -> AgentHello {
    let (boot_id, journal) = ("boot-1".to_owned(), "journal-1".to_owned());
    AgentHello { agent_id: agent_id.to_owned(), boot_id, journal, ..AgentHello::default() }
}

impl Agent {
    async fn attach(fleet: &Installation, at: usize, hello: AgentHello) -> Result<(Self, AgentWelcome), Status> {
        let (up, outgoing) = mpsc::channel(16);
        up.send(AgentMessage { message: Some(Up::Hello(hello)) }).await.expect("open");
        let mut down = client(fleet, at).attach(ReceiverStream::new(outgoing)).await?.into_inner();
        match within("the agent is answered", down.message()).await?.and_then(|first| first.message) {
            Some(Down::Welcome(welcome)) => Ok((Self { up, down }, welcome)),
            other => panic!("not a welcome: {other:?}"),
        }
    }

    /// Attaches until a leader takes it: it may be on its way.
    pub(crate) async fn attached(fleet: &Installation, at: usize, hello: AgentHello) -> (Self, AgentWelcome) {
        let trying = async {
            loop {
                match Self::attach(fleet, at, hello.clone()).await {
                    Ok(attached) => return attached,
                    Err(status) if status.code() == Code::Unavailable => tokio::task::yield_now().await,
                    Err(status) => panic!("refused: {status:?}"),
                }
            }
        };
        within("a leader takes the agent", trying).await
    }

    pub(crate) async fn send(&self, records: Vec<AgentRecord>) {
        let batch = AgentBatch { records, sent_boottime_ms: 5_000, ..AgentBatch::default() };
        self.up.send(AgentMessage { message: Some(Up::Batch(batch)) }).await.expect("open");
    }

    pub(crate) async fn hears(&mut self) -> Result<Down, Code> {
        let message = within("the agent hears something", self.down.message()).await.map_err(|status| status.code())?;
        message.and_then(|message| message.message).ok_or(Code::Ok)
    }

    async fn acknowledged(&mut self) -> u64 {
        match self.hears().await {
            Ok(Down::Ack(ack)) => ack.acknowledged,
            other => panic!("not an acknowledgement: {other:?}"),
        }
    }
}

pub(crate) fn record(sequence: u64, record: Record) -> AgentRecord {
    let boot_id = "boot-1".to_owned();
    AgentRecord { sequence, boot_id, boottime_ms: 1_000, unix_ms: 0, record: Some(record) }
}

fn event(sequence: u64) -> AgentRecord {
    let (event_type, message) = (HealthEventType::Xid.into(), format!("event {sequence}"));
    record(sequence, Record::Event(HealthEvent { event_type, message, ..HealthEvent::default() }))
}

fn sample(sequence: u64) -> AgentRecord {
    record(sequence, Record::Sample(AgentSample { load_1m: Some(0.5), ..AgentSample::default() }))
}

async fn detail(fleet: &Installation, at: usize, machine: &str) -> AgentDetail {
    let ask = GetAgentRequest { machine: machine.to_owned(), shard: String::new() };
    client(fleet, at).get_agent(ask).await.expect("the agent is known").into_inner()
}

fn numbers(detail: &AgentDetail) -> Vec<u64> {
    detail.events.iter().rev().map(|row| row.sequence).collect()
}

/// A machine that has a host, and its host. Waits for the first listing.
pub(crate) async fn machine_with_host(fleet: &Installation, at: usize) -> (String, String) {
    let found = |view: &View| {
        let fleet = view.state.fleet();
        fleet.iter().find_map(|(ix, _)| Some((fleet.id(ix).to_owned(), fleet.host(ix)?.to_owned())))
    };
    let view = fleet.state(at, "a machine has a host", |view| found(view).is_some()).await;
    found(&view).expect("it was waited for")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_takes_an_agent_to_the_leader_and_anybody_may_look() {
    let fleet = Installation::start(Plan { voters: 1, ..Plan::default() }).await;
    let (leader, _) = fleet.leader().await;
    let (machine, _) = machine_with_host(&fleet, leader).await;
    for at in 0..3 {
        let journal = format!("journal-{at}");
        let (mut agent, welcome) = Agent::attached(&fleet, at, AgentHello { journal, ..hello(&machine) }).await;
        assert_eq!((welcome.machine.as_str(), welcome.shard.as_str(), welcome.node.as_str()), (&*machine, SHARD, "n1"));
        agent.send(vec![sample(1), event(2)]).await;
        assert_eq!(agent.acknowledged().await, 2);
        let seen = detail(&fleet, (at + 1) % 3, &machine).await;
        assert_eq!(seen.agent.map(|agent| agent.connected), Some(true));
        assert_eq!(seen.events[0].event.as_ref().map(|event| event.message.as_str()), Some("event 2"));
        assert!(seen.events[0].age_ms >= 4_000, "its age is that of the machine's own clock");
        assert_eq!(seen.sample.and_then(|sample| sample.load_1m), Some(0.5));
    }
    let all = client(&fleet, 2).list_agents(ListAgentsRequest::default()).await.expect("listed").into_inner();
    assert_eq!(all.agents.iter().map(|agent| agent.machine.as_str()).collect::<Vec<_>>(), [machine.as_str()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_without_the_machines_id_is_matched_by_its_instance_id() {
    let fleet = Installation::start(Plan::default()).await;
    let (leader, _) = fleet.leader().await;
    let (machine, host) = machine_with_host(&fleet, leader).await;
    assert_ne!(machine, host);
    let (_agent, welcome) = Agent::attached(&fleet, leader, hello(&host)).await;
    assert_eq!(welcome.machine, machine);
    let refused =
        Agent::attach(&fleet, leader, hello("nobody")).await.map(|_| ()).expect_err("there is no such machine");
    assert_eq!(refused.code(), Code::NotFound);
    assert!(refused.message().starts_with("ARG-1101"), "{refused:?}");
    let rude = Agent::attach(&fleet, leader, AgentHello::default()).await.map(|_| ()).expect_err("no greeting");
    assert_eq!(rude.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_resumes_without_loss_and_without_repeat() {
    let fleet = Installation::start(Plan::default()).await;
    let (leader, _) = fleet.leader().await;
    let (machine, _) = machine_with_host(&fleet, leader).await;
    let (mut agent, welcome) = Agent::attached(&fleet, leader, hello(&machine)).await;
    assert_eq!(welcome.acknowledged, 0);
    agent.send(vec![event(1), sample(2), event(3)]).await;
    assert_eq!(agent.acknowledged().await, 3);
    drop(agent);
    let (mut agent, welcome) = Agent::attached(&fleet, (leader + 1) % 3, hello(&machine)).await;
    assert_eq!(welcome.acknowledged, 3, "what was taken need not come again");
    // It comes again all the same, as from an agent that died before it wrote the acknowledgement down; with a gap, and more.
    agent.send(vec![event(1), sample(2), event(3), event(7), event(9)]).await;
    assert_eq!(agent.acknowledged().await, 9);
    assert_eq!(numbers(&detail(&fleet, leader, &machine).await), [1, 3, 7, 9]);
    agent.send(vec![]).await;
    assert_eq!(agent.acknowledged().await, 9, "a heartbeat is answered");
    let fresh = AgentHello { journal: "journal-2".to_owned(), ..hello(&machine) };
    let (mut agent, welcome) = Agent::attached(&fleet, leader, fresh).await;
    assert_eq!(welcome.acknowledged, 0, "another journal counts for itself");
    agent.send(vec![event(1)]).await;
    assert_eq!(agent.acknowledged().await, 1);
    agent.send(vec![event(5), event(4)]).await;
    assert_eq!(agent.hears().await, Err(Code::InvalidArgument), "numbers rise");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_loses_its_place_sends_its_agents_to_the_next() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (leader, _) = fleet.leader().await;
    let (machine, _) = machine_with_host(&fleet, leader).await;
    let other = (leader + 1) % 3;
    let (mut agent, _) = Agent::attached(&fleet, other, hello(&machine)).await;
    agent.send(vec![event(1)]).await;
    assert_eq!(agent.acknowledged().await, 1);
    fleet.stop(leader).await;
    assert_eq!(agent.hears().await, Err(Code::Unavailable));
    let (mut agent, _) = Agent::attached(&fleet, other, hello(&machine)).await;
    agent.send(vec![event(2)]).await;
    assert_eq!(agent.acknowledged().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_registers_again_keeps_its_machines_cordon() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let (machine, _) = machine_with_host(&fleet, at).await;
    let cordoned = |view: &View| {
        let fleet = view.state.fleet();
        fleet.find(&machine).is_some_and(|ix| fleet.machine(ix).flags.has(argosy_model::Flags::CORDONED))
    };
    let (shard, reason) = (SHARD.to_owned(), "test".to_owned());
    let cordon = SetCordonRequest { machine: machine.clone(), shard, cordoned: true, reason };
    AdminClient::new(channel(fleet.port(at))).set_cordon(cordon).await.expect("cordoned");
    fleet.state(at, "the machine is cordoned", |view| cordoned(view)).await;
    for round in 1..4 {
        let (mut agent, _) = Agent::attached(&fleet, at, hello(&machine)).await;
        agent.send(vec![event(round)]).await;
        assert_eq!(agent.acknowledged().await, round);
        assert!(cordoned(&leader.view()), "round {round} laundered the cordon");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_heartbeat_and_no_sample_enters_the_log() {
    // In lockstep nothing happens by itself, so whatever enters the log would be the agent's.
    let fleet = Installation::start(Plan { mode: "lockstep", ..Plan::default() }).await;
    let (at, leader) = fleet.leader().await;
    let stepped = leader.clone();
    fleet.on(at, async move { stepped.step_to(argosy_model::ShardTime(1_000)).await }).await.expect("stepped");
    let (machine, _) = machine_with_host(&fleet, at).await;
    let before = leader.view().applied;
    let (mut agent, _) = Agent::attached(&fleet, (at + 1) % 3, hello(&machine)).await;
    for round in 0..50 {
        agent.send(if round % 2 == 0 { vec![] } else { vec![sample(round)] }).await;
        agent.acknowledged().await;
    }
    assert_eq!(leader.view().applied, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_connection_of_an_agent_takes_the_place_of_the_older() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let (machine, _) = machine_with_host(&fleet, at).await;
    let (mut older, _) = Agent::attached(&fleet, (at + 1) % 3, hello(&machine)).await;
    let (mut newer, _) = Agent::attached(&fleet, (at + 2) % 3, hello(&machine)).await;
    assert_eq!(older.hears().await, Err(Code::Aborted));
    newer.send(vec![event(1)]).await;
    assert_eq!(newer.acknowledged().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_reaches_its_agent_through_any_node_and_its_result_comes_back() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, _) = fleet.leader().await;
    let (machine, _) = machine_with_host(&fleet, at).await;
    let command = AgentCommand {
        id: "c-1".to_owned(),
        kind: AgentCommandKind::ResetGpu.into(),
        deadline_ms: 60_000,
        gpu_uuids: vec!["GPU-1".to_owned()],
        reason: "test".to_owned(),
    };
    let ask = CommandAgentRequest {
        machine: machine.clone(),
        command: Some(command.clone()),
        wait_ms: 60_000,
        ..Default::default()
    };
    let nobody = client(&fleet, at).command_agent(ask.clone()).await.expect_err("there is no agent");
    assert_eq!(nobody.code(), Code::NotFound);
    let (mut agent, _) = Agent::attached(&fleet, at, hello(&machine)).await;
    let mut people = client(&fleet, (at + 1) % 3);
    let asking = tokio::spawn({
        let ask = ask.clone();
        async move { people.command_agent(ask).await }
    });
    assert!(matches!(agent.hears().await, Ok(Down::Command(heard)) if heard == command));
    let update = |state: AgentCommandState| {
        let (id, kind) = (command.id.clone(), command.kind);
        AgentCommandUpdate { id, kind, state: state.into(), ..AgentCommandUpdate::default() }
    };
    agent.send(vec![record(1, Record::Command(update(AgentCommandState::Accepted)))]).await;
    agent.send(vec![record(2, Record::Command(update(AgentCommandState::Succeeded)))]).await;
    let answer = within("the command ends", asking).await.expect("no panic").expect("answered").into_inner();
    assert_eq!(answer.update.map(|update| update.state()), Some(AgentCommandState::Succeeded));
    let again = client(&fleet, at).command_agent(ask.clone()).await.expect("answered").into_inner();
    assert_eq!(
        again.update.map(|update| update.state()),
        Some(AgentCommandState::Succeeded),
        "the same id, told again"
    );
    let mut silent = ask;
    silent.command.as_mut().expect("there").reason.clear();
    assert_eq!(client(&fleet, at).command_agent(silent).await.expect_err("no reason").code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_reads_now_makes_a_verdict_and_what_its_journal_kept_does_not() {
    let fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let (machine, _) = machine_with_host(&fleet, at).await;
    let (mut agent, _) = Agent::attached(&fleet, at, hello(&machine)).await;
    let hot = || AgentSample {
        gpus: vec![GpuSample { temperature_celsius: Some(88), ..GpuSample::default() }],
        ..AgentSample::default()
    };
    let eight = AgentInventory { gpus: vec![GpuDevice::default(); 8], ..AgentInventory::default() };
    let stale = AgentRecord { boot_id: "boot-0".to_owned(), ..record(2, Record::Sample(hot())) };
    agent
        .send(vec![record(1, Record::Inventory(eight)), stale, record(3, Record::Sample(AgentSample::default()))])
        .await;
    assert_eq!(agent.acknowledged().await, 3);
    let health = || leader.health().verdict(&machine).expect("the inventory was taken").health.name();
    assert_ne!(health(), "degraded", "a sample of another boot says nothing about now");
    agent.send(vec![record(4, Record::Sample(hot()))]).await;
    assert_eq!((agent.acknowledged().await, health()), (4, "degraded"));
    agent.send(vec![record(5, event_of(HealthEventType::Xid, 3, 74))]).await;
    assert_eq!(agent.acknowledged().await, 5);
    let verdict = leader.health().verdict(&machine).expect("it is watched");
    assert_eq!(verdict.gpus.len(), 8, "the inventory says how many GPUs share the fault: {}", verdict.line());
}

fn event_of(kind: HealthEventType, gpu_index: i32, code: i64) -> Record {
    let metric = EventMetric { value: Some(event_metric::Value::Integer(code)) };
    let metrics = [("xid_code".to_owned(), metric)].into();
    Record::Event(HealthEvent { event_type: kind.into(), gpu_index, metrics, ..HealthEvent::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_falls_silent_makes_a_verdict_and_costs_nothing_and_one_that_is_heard_again_is_well() {
    let mut fleet = Installation::start(Plan::default()).await;
    let (at, leader) = fleet.leader().await;
    let (machine, _) = machine_with_host(&fleet, at).await;
    let policy = "defaults: {silent_after: 1s}\nrules:\n  - {name: gone, condition: event.event_type == 'agent_silent', \
                  result: unhealthy, class: replace, scope: machine, latch: until-recovered}\n";
    let command = Command::SetHealthPolicy { text: policy.to_owned(), by: By::default() };
    leader.commit(command).await.expect("it is taken");
    let said = |view: &View| {
        let ix = view.state.fleet().find(&machine)?;
        view.state.health().get(ix).map(|kept| kept.verdict.reason.clone())
    };
    // Its stream stays open; it says nothing more.
    let (mut agent, _) = Agent::attached(&fleet, at, hello(&machine)).await;
    agent.send(vec![record(1, event_of(HealthEventType::Boot, -1, 0))]).await;
    assert_eq!(agent.acknowledged().await, 1);
    let is_gone = |view: &View| said(view).is_some_and(|said| said.starts_with("unhealthy (replace) by gone"));
    let view = fleet.state(at, "its silence is in the log", |view| is_gone(view)).await;
    assert_eq!(view.state.repairs().book().repairs().count(), 0, "a verdict alone takes nothing back");
    // The next leader knows it from the log, and hears the agent.
    drop(leader);
    fleet.kill(at);
    let (at, leader) = fleet.leader().await;
    assert!(is_gone(&leader.view()));
    let (agent, _) = Agent::attached(&fleet, at, hello(&machine)).await;
    let is_well = |view: &View| said(view).is_some_and(|said| said.starts_with("healthy"));
    fleet.state(at, "it is well again", |view| is_well(view)).await;
    drop(agent);
    fleet.state(at, "its silence is noticed again, without a stream", |view| is_gone(view)).await;
}
