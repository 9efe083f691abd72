//! The whole agent (sources, journal, stream, commands) over real connections, against a leader that a test plays.

mod leader;
mod machine;

use argosy_proto::argosy::v1::agent_record::Record;
use argosy_proto::argosy::v1::{
    AgentCommand, AgentCommandKind, AgentCommandState, AgentRecord, EventSource, GpuDriverState, HealthEvent,
    HealthEventType,
};
use serde_json::json;

use leader::Leader;
use machine::Machine;

fn events(records: &[AgentRecord]) -> Vec<HealthEvent> {
    let event = |record: &AgentRecord| match &record.record {
        Some(Record::Event(event)) => Some(event.clone()),
        _ => None,
    };
    records.iter().filter_map(event).collect()
}

fn xids(records: &[AgentRecord]) -> Vec<String> {
    let xid = |event: HealthEvent| (event.event_type() == HealthEventType::Xid).then_some(event.message);
    events(records).into_iter().filter_map(xid).collect()
}

fn is_xid(record: &AgentRecord) -> bool {
    matches!(&record.record, Some(Record::Event(event)) if event.event_type() == HealthEventType::Xid)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_greets_with_what_its_machine_is_and_tells_what_happens_to_it() {
    let machine = Machine::new(2);
    let mut leader = Leader::start().await;
    let _agent = machine.run(leader.port());
    let mut session = leader.session().await;
    let inventory = session.hello.inventory.clone().expect("the greeting has the inventory");
    assert_eq!((session.hello.agent_id.as_str(), inventory.gpus.len()), ("m-1", 2));
    assert_eq!(inventory.driver.map(|driver| driver.state()), Some(GpuDriverState::Working));
    machine.log(7, "NVRM: Xid (PCI:0000:3c:00): 79, pid=1, name=x, GPU has fallen off the bus.");
    let records = session.until(is_xid).await;
    let event = events(&records)
        .into_iter()
        .find(|event| event.event_type() == HealthEventType::Xid)
        .expect("it was waited for");
    assert_eq!((event.gpu_uuid.as_str(), event.gpu_index), ("GPU-1", 1));
    assert!(records.windows(2).all(|pair| pair[0].sequence < pair[1].sequence), "numbers rise");
    assert!(events(&records).iter().any(|event| event.event_type() == HealthEventType::Boot));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_neither_lost_nor_told_twice_whatever_is_cut() {
    let machine = Machine::new(1);
    let mut leader = Leader::start().await;
    let agent = machine.run(leader.port());
    let mut session = leader.session().await;
    machine.log(1, "NVRM: Xid (PCI:0000:3b:00): 31, one");
    assert_eq!(xids(&session.until(is_xid).await).len(), 1);
    let known = session.acknowledge_all().await;
    session.cut();
    // While nobody leads, and over the agent's own death.
    machine.log(2, "NVRM: Xid (PCI:0000:3b:00): 48, two");
    machine.waits_for_its_journal(2).await;
    agent.abort();
    let _ = agent.await;
    machine.log(3, "NVRM: Xid (PCI:0000:3b:00): 63, three");
    let _agent = machine.run(leader.port());
    let mut session = leader.session_with(known).await;
    let mut told = xids(&session.until(is_xid).await);
    while told.len() < 2 {
        told.extend(xids(&session.until(is_xid).await));
    }
    assert_eq!(told, ["NVRM: Xid (PCI:0000:3b:00): 48, two", "NVRM: Xid (PCI:0000:3b:00): 63, three"]);
    let boots = events(&session.all).iter().filter(|event| event.event_type() == HealthEventType::Boot).count();
    assert_eq!(boots, 0, "a restart of the agent is no boot");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_acknowledged_is_said_again_and_at_most_two_batches_fly() {
    let machine = Machine::new(1);
    machine.log(1, "NVRM: Xid (PCI:0000:3b:00): 31, one");
    let mut leader = Leader::start().await;
    let _agent = machine.run(leader.port());
    let mut session = leader.session().await;
    session.mute = true;
    let first = session.until(is_xid).await;
    assert!(session.batches <= 2, "{} batches without an acknowledgement", session.batches);
    session.cut();
    let mut session = leader.session().await;
    let second = session.until(is_xid).await;
    assert_eq!(xids(&first), xids(&second), "an event that nobody took was not said again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_xid_that_the_driver_and_the_log_report_is_one_event() {
    let machine = Machine::new(1);
    let mut leader = Leader::start().await;
    let _agent = machine.run(leader.port());
    let mut session = leader.session().await;
    machine.driver_reports(&json!([{"gpu": 0, "xid": 48}, {"gpu": 0, "xid": 79}]));
    machine.log(1, "NVRM: Xid (PCI:0000:3b:00): 48, An uncorrectable double bit error");
    // 79 has no line: it is told when its line is overdue, and by then 48 has been told or merged.
    let records = session.until(|record| is_xid(record) && matches!(&record.record, Some(Record::Event(event)) if event.sources == [i32::from(EventSource::Nvml)])).await;
    let codes: Vec<u32> =
        events(&session.all).iter().filter_map(|event| event.xid.as_ref().map(|xid| xid.code)).collect();
    assert_eq!(codes, [48, 79], "{records:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_run_once_though_it_is_said_twice_and_what_is_off_is_refused() {
    let machine = Machine::new(1);
    let mut leader = Leader::start().await;
    let _agent = machine.run(leader.port());
    let mut session = leader.session().await;
    let command = |id: &str, kind: AgentCommandKind| AgentCommand {
        id: id.to_owned(),
        kind: kind.into(),
        deadline_ms: 60_000,
        reason: "test".to_owned(),
        ..AgentCommand::default()
    };
    let ends = |wanted: &'static str, state: AgentCommandState| move |record: &AgentRecord| matches!(&record.record, Some(Record::Command(update)) if update.id == wanted && update.state() == state);
    assert_eq!(session.hello.commands, ["run-diagnostics"]);
    session.order(command("c-1", AgentCommandKind::RunDiagnostics)).await;
    session.until(ends("c-1", AgentCommandState::Succeeded)).await;
    session.acknowledge_all().await;
    session.order(command("c-1", AgentCommandKind::RunDiagnostics)).await;
    session.until(ends("c-1", AgentCommandState::Succeeded)).await;
    assert_eq!(machine.diagnostics_run(), 1, "the same command ran twice");
    session.order(command("c-2", AgentCommandKind::Reboot)).await;
    session.until(ends("c-2", AgentCommandState::Refused)).await;
}
