//! `argosy explain` and `argosy whatif` as a person runs them, against a fleet of real processes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use argosy_engine::explain::{MachineExplanation, NeedExplanation, PlanExplanation};
use argosy_engine::whatif::Outcome;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Looks at a fleet, one a second, until it must have bound a machine.
const LOOKS: usize = 120;
const CLUSTER: &str = "eu-s1-c1";

/// A fleet of `argosy up`; ends with its whole family when it is dropped.
struct Fleet {
    up: Child,
    dir: TempDir,
}

impl Fleet {
    /// Three nodes, a provider and a cluster; machines serve it.
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_argosy"));
        command.args(["up", "--plain", "--shards", "1", "--clusters", "1", "--machines", "200", "--dir"]);
        let up = command.arg(dir.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut fleet = Self { up, dir };
        let looks = BufReader::new(fleet.up.stdout.take().expect("it is piped")).lines();
        let mut seen = Vec::new();
        for look in looks.map_while(Result::ok).take(LOOKS) {
            if look.contains("Configured") && !look.contains("needs 0") {
                return fleet;
            }
            seen.push(look);
        }
        panic!("nothing was bound: {seen:#?}");
    }

    fn argosy(&self, args: &[&str]) -> Output {
        argosy(self.dir.path(), &[args, &["--timeout", "60s", "--up", "."]].concat())
    }

    /// What a command says as JSON.
    fn json(&self, args: &[&str]) -> Value {
        let output = self.argosy(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let pid = i32::try_from(self.up.id()).ok().and_then(Pid::from_raw).expect("a process has a number");
        let _gone = kill_process(pid, Signal::TERM);
        let _status = self.up.wait();
    }
}

fn argosy(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_argosy")).args(args).current_dir(dir).output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("the documented form")
}

#[test]
fn why_and_what_if_are_answered_by_a_running_fleet() {
    let fleet = Fleet::start();
    let needs = fleet.json(&["explain", "need", "--shard", "eu-s1", "--cluster", CLUSTER, "--tries", "8"]);
    assert_eq!(needs["as_of"]["shard"], "eu-s1");
    let need: NeedExplanation = read(&needs["needs"][0]);
    let removed: u64 = need.removed.iter().map(|removed| removed.machines).sum();
    assert_eq!(removed + need.given.total() + need.left, need.looked_at, "{need:#?}");

    let plan: PlanExplanation = read(&fleet.json(&["explain", "plan", "--shard", "eu-s1"])["plan"]);
    assert!(plan.diff.is_some(), "{plan:#?}");
    let text = said(&fleet.argosy(&["explain", "plan", "--shard", "eu-s1"]));
    assert!(text.contains("shard eu-s1 at revision") && text.contains("plan: "), "{text}");

    let zone = fleet.json(&["whatif", "--shard", "eu-s1", "--lose", "zone=eu-s1-a"]);
    let lost: Outcome = read(&zone["outcome"]);
    assert!(lost.after.machines < lost.before.machines, "{lost:#?}");
    let scenario = "lose:\n  - { key: zone, value: eu-s1-a }\n";
    fs::write(fleet.dir.path().join("scenario.yaml"), scenario).expect("written");
    let filed = fleet.json(&["whatif", "--shard", "eu-s1", "--file", "scenario.yaml"]);
    assert_eq!(filed["scenario"], zone["scenario"]);

    let machines = fleet.json(&["machines", "--shard", "eu-s1", "--states", "Configured", "--limit", "1"]);
    let id = machines[0]["machine"].as_str().expect("an id");
    let machine: MachineExplanation = read(&fleet.json(&["explain", "machine", id])["machine"]);
    assert_eq!((machine.machine.as_str(), machine.cluster.as_str()), (id, CLUSTER));

    let nobody = fleet.argosy(&["explain", "need", "--shard", "eu-s1", "--cluster", "nobody"]);
    assert!(nobody.status.code() == Some(1) && said(&nobody).contains("ARG-0666"), "{}", said(&nobody));
}

#[test]
fn a_scenario_that_cannot_be_read_is_refused_before_anybody_is_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("bad.yaml"), "lose:\n  - { key: zone, valeu: a }\n").expect("written");
    let output = argosy(dir.path(), &["whatif", "--shard", "eu-s1", "--file", "bad.yaml"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("ARG-0822: bad.yaml: ") && text.contains("line 2") && text.contains("column"), "{text}");
    let output = argosy(dir.path(), &["whatif", "--shard", "eu-s1"]);
    assert!(said(&output).contains("ARG-0822: the scenario changes nothing"), "{}", said(&output));
    let output = argosy(dir.path(), &["whatif", "--shard", "eu-s1", "--add-machines", "cuont=3,like=m"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}
