//! The failover proof: real processes, real certificates, RocksDB on a real disk, and leaders that are killed.
//!
//! A look-alike of the production trace is replayed on three nodes while the leader of every shard in turn gets a
//! SIGKILL. Every command that was acknowledged must be in the final log, nothing may be done twice at the provider or
//! under an old fence, and the killed nodes must come back (from a snapshot, since few entries are kept) to the same
//! state as the others.

use std::path::PathBuf;
use std::time::Duration;

use argosy_lab::replay::{self, Options};
use argosy_trace::Trace;
use argosy_trace::synth::{self, SynthSpec};

mod place;

const STEP_MS: u64 = 3_600_000;

fn trace(tasks: u64) -> Trace {
    let spec = SynthSpec { nodes: 300, tasks, seed: 4 };
    let trace = synth::trace(&spec, &synth::shipped_marginals().expect("shipped"));
    trace.nodes_fraction(200_000, 4).compress_arrivals(100)
}

fn options(dir: PathBuf, kill_leaders_every: Option<Duration>) -> Options {
    Options {
        program: place::argosy(),
        dir,
        clusters: 6,
        shards: 3,
        step_ms: STEP_MS,
        seed: 4,
        kill_leaders_every,
        snapshot_every: Some(64),
        skipped_rows: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_every_leader_in_turn_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = options(dir.path().join("fleet"), Some(Duration::from_millis(700)));
    let report = replay::run(&trace(3_000), &options, &|_, _| {}).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_clean(), "{report}");
    assert!(report.kills > 0 && report.decisions > 0 && report.effects > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_trace_and_seed_give_the_same_decisions() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut hashes = Vec::new();
    for run in ["first", "second"] {
        let options = options(dir.path().join(run), None);
        let report = replay::run(&trace(300), &options, &|_, _| {}).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(report.is_clean(), "{report}");
        hashes.push((report.decision_log_hash, report.actions));
    }
    assert_eq!(hashes[0], hashes[1]);
}
