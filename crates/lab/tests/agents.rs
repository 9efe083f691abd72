//! Node agents on a real node: everybody is welcomed and heard, nothing but transitions reaches the log, and faults become verdicts.

use std::time::Duration;

use argosy_lab::agents::{self, LoadError, Options};

mod place;

fn options(dir: &std::path::Path) -> Options {
    Options {
        program: place::argosy(),
        dir: dir.join("fleet"),
        agents: 400,
        streams: 40,
        interval: Duration::from_secs(1),
        span: Duration::from_secs(3),
        faults: 4,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_of_many_agents_are_heard_and_only_transitions_reach_the_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let report = agents::run(&options(dir.path()), &|_| {}).await.unwrap_or_else(|error| panic!("{error}"));
    // How many were heard in a second is the machine's affair, and judged where it is measured.
    assert!(report.stray_entries_per_s <= 1.0, "{report}");
    assert!(report.samples_per_s > 0.0 && report.unhealthy >= 4 && report.entries_of_faults > 0, "{report}");
}

#[tokio::test]
async fn a_load_that_makes_no_sense_starts_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    for wrong in [
        Options { agents: 0, ..options(dir.path()) },
        Options { streams: 500, ..options(dir.path()) },
        Options { faults: 41, ..options(dir.path()) },
        Options { span: Duration::from_millis(900), ..options(dir.path()) },
    ] {
        let refused = agents::run(&wrong, &|_| panic!("nothing is to be done")).await;
        assert!(matches!(refused, Err(LoadError::Options(_))), "{refused:?}");
    }
}
