//! Commands with real processes, and the ledger over several lives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use argosy_proto::argosy::v1::{AgentCommand, AgentCommandKind as Kind, AgentCommandState as State};

use super::{Ledger, Processes, Script, Site};

fn site(script: &str, timeout: Duration) -> Site {
    let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    Site::new(BTreeMap::from([("reset-gpu", Script { argv, timeout })]), Arc::new(Processes))
}

fn command(kind: Kind) -> AgentCommand {
    AgentCommand {
        id: "c-1".to_owned(),
        kind: kind.into(),
        deadline_ms: 60_000,
        gpu_uuids: vec!["GPU-1".to_owned(), "GPU-2".to_owned()],
        reason: "because".to_owned(),
    }
}

#[tokio::test]
async fn a_script_is_told_what_it_is_for_and_its_result_is_kept() {
    let script = "echo $ARGOSY_COMMAND $ARGOSY_COMMAND_ID $ARGOSY_GPUS $ARGOSY_REASON; echo to-stderr >&2; exit 3";
    let update = site(script, Duration::from_secs(60)).run(command(Kind::ResetGpu)).await;
    assert_eq!((update.state(), update.exit_code), (State::Failed, Some(3)));
    assert_eq!(update.output, "reset-gpu c-1 GPU-1,GPU-2 because\nto-stderr\n");
    let done = site("true", Duration::from_secs(60)).run(command(Kind::ResetGpu)).await;
    assert_eq!((done.state(), done.exit_code), (State::Succeeded, Some(0)));
}

#[tokio::test]
async fn a_script_that_does_not_end_is_ended_with_everything_that_it_started() {
    let update =
        site("sleep 1000 & echo begun; sleep 1000", Duration::from_millis(300)).run(command(Kind::ResetGpu)).await;
    assert_eq!((update.state(), update.exit_code), (State::TimedOut, None));
    assert_eq!(update.output, "begun\n");
}

#[tokio::test]
async fn a_command_whose_deadline_has_passed_is_not_begun() {
    let mut late = command(Kind::ResetGpu);
    late.deadline_ms = 5;
    let site = site("true", Duration::from_secs(60));
    let _turn = site.turn.acquire().await.expect("open");
    let update = site.clone().run(late).await;
    assert_eq!(update.state(), State::TimedOut);
}

#[tokio::test]
async fn a_flood_of_output_is_cut_to_its_end() {
    let update = site("seq 1 20000", Duration::from_secs(60)).run(command(Kind::ResetGpu)).await;
    assert!(update.output.len() <= super::OUTPUT && update.output.ends_with("20000\n"));
}

#[test]
fn what_the_site_has_not_configured_is_refused() {
    let site = site("true", Duration::from_secs(60));
    assert_eq!(site.switched_on(), ["reset-gpu"]);
    assert_eq!(site.refusal(&command(Kind::ResetGpu)), None);
    for kind in [Kind::Reboot, Kind::Terminate, Kind::Unspecified] {
        assert!(site.refusal(&command(kind)).is_some_and(|why| why.contains("ARG-1105")), "{kind:?}");
    }
}

#[test]
fn a_command_is_run_at_most_once_over_all_lives_of_the_agent() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.known("c-1"), None);
    ledger.begin(&command(Kind::ResetGpu), "boot-1");
    let mut next = Ledger::decode(&ledger.encode());
    let closed = next.close_open("boot-1");
    assert_eq!(closed.iter().map(|update| update.state()).collect::<Vec<_>>(), [State::Interrupted]);
    assert_eq!(next.known("c-1").map(|update| update.state()), Some(State::Interrupted));
    assert_eq!(Ledger::decode(&next.encode()).close_open("boot-2"), []);
}

#[test]
fn a_reboot_that_came_to_pass_has_succeeded() {
    let mut ledger = Ledger::default();
    ledger.begin(&command(Kind::Reboot), "boot-1");
    assert_eq!(ledger.clone().close_open("boot-1")[0].state(), State::Interrupted);
    assert_eq!(ledger.close_open("boot-2")[0].state(), State::Succeeded);
}
