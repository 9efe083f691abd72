//! The API under stress, within seconds, over real processes; and the harness that judges it, which must find a server that is dead or deaf.
//! spec/gpu-fleet.md section 3, rows 7 and 13. `make stress` is the full course.

use std::path::PathBuf;
use std::sync::Mutex;

use argosy_localfleet::LocalFleet;
use argosy_localfleet::stress::{self, Plan, Plant, Report};

/// One fleet at a time: a machine that is short of processors must not look like a server that is.
static ALONE: Mutex<()> = Mutex::new(());

fn course(plan: &Plan) -> Report {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let dir = tempfile::tempdir().expect("a directory");
        let program = PathBuf::from(env!("CARGO_BIN_EXE_argosy"));
        let start = stress::ground(program, dir.path(), plan).expect("a fleet");
        let mut fleet = LocalFleet::start(start).await.expect("it comes up");
        stress::run(&mut fleet, plan).await.expect("the harness works")
    })
}

#[test]
fn under_stress_every_call_is_answered_and_nodes_end_in_the_middle_without_an_orphan() {
    let report = course(&Plan::small());
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.ended_s.len(), 3, "in the middle of provisioning, of bootstrap and of a drain: {report}");
    assert!(report.parts.iter().filter(|part| part.calls > 0).count() >= 3, "{report}");
    assert_eq!(report.hosts.0, report.hosts.1);
}

#[test]
fn a_server_that_dies_or_answers_nothing_is_found_by_the_harness() {
    for plant in [Plant::DeadServer, Plant::DeafServer] {
        let report = course(&Plan { plant: Some(plant), storms: 1, at_once: 20, ..Plan::small() });
        assert!(report.faults.iter().any(|fault| fault.starts_with("sustained pressure")), "{plant:?}: {report}");
        let is_dead = report.faults.iter().any(|fault| fault.contains("has ended by itself"));
        assert_eq!(is_dead, plant == Plant::DeadServer, "{report}");
    }
}
