//! One seed is one world, whichever way the laboratory is asked for it: alone, after others, replayed.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs `argosy-lab chaos` with worlds that strike for ten seconds, and returns what it wrote to standard output.
fn chaos(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_argosy-lab"));
    let ran = command.arg("chaos").args(arguments).args(["--strike-for", "10s"]).output().expect("it starts");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&ran.stderr));
    said
}

fn names(seeds: &str, json: &Path) -> Vec<String> {
    chaos(&["run", "--seeds", seeds, "--json", &json.display().to_string()]);
    let report = std::fs::read_to_string(json).expect("it was written");
    let report: Value = serde_json::from_str(&report).expect("it is JSON");
    let names = report["trace_hash"].as_object().expect("each run has a name");
    names.values().map(|name| name.as_str().expect("a name is a text").to_owned()).collect()
}

#[test]
fn a_world_is_the_same_alone_after_others_and_replayed() {
    let folder = tempfile::tempdir().expect("there is room");
    let json = folder.path().join("out.json");
    let series = names("6..9", &json);
    assert_eq!(series.len(), 3);
    let alone = ["6..7", "7..8", "8..9"].map(|seed| names(seed, &json).remove(0));
    assert_eq!(series, alone);
    let replayed = chaos(&["replay", "--seed", "8"]);
    assert!(replayed.contains(&series[2]), "{replayed} is not {}", series[2]);
}
