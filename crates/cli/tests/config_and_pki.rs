//! The commands as a person runs them: what they say, and their exit status.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn argosy(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_argosy")).args(args).current_dir(dir).output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

const GOOD: &str = r#"
fleet = "demo"
plaintext = true
[node]
id = "eu-1"
number = 1
region = "eu"
zone = "eu-a"
data_dir = "data"
listen = "127.0.0.1:7780"
[placement]
coordinator_voters = ["eu-1"]
[[placement.shards]]
id = "s0"
number = 1
home_region = "eu"
voters = ["eu-1"]
clusters = ["c0"]
"#;

#[test]
fn a_check_says_ok_with_a_summary_and_ends_with_zero() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("good.toml"), GOOD).expect("written");
    let output = argosy(dir.path(), &["config", "check", "good.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let last = said(&output).lines().last().map(str::to_owned);
    let expected = "ok: node eu-1 of fleet demo listens on 127.0.0.1:7780 with plaintext on loopback; nodes 1 in regions 1, shards 1, clusters 1, providers 0";
    assert_eq!(last.as_deref(), Some(expected));
}

#[test]
fn a_check_shows_every_problem_and_ends_with_two() {
    let dir = tempfile::tempdir().expect("a directory");
    let bad = GOOD.replace("number = 1", "number = 0").replace("region = \"eu\"\nzone", "regoin = \"eu\"\nzone");
    fs::write(dir.path().join("bad.toml"), bad).expect("written");
    let output = argosy(dir.path(), &["config", "check", "bad.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    for part in ["--> bad.toml:6:10", "--> bad.toml:7:1", "--> bad.toml:15:10", "did you mean `region`?", "3 errors"] {
        assert!(said(&output).contains(part), "{part}: {}", said(&output));
    }
    let output = argosy(dir.path(), &["config", "check", "--json", "bad.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&json["ok"], &json["errors"]), (&false.into(), &3.into()));
    assert_eq!((&json["problems"][1]["line"], &json["problems"][1]["code"]), (&7.into(), &"ARG-0103".into()));
}

#[test]
fn a_certificate_is_made_shown_and_renewed_and_no_key_is_ever_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut all = String::new();
    let mut run = |args: &[&str], status: i32| {
        let output = argosy(dir.path(), args);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {}", said(&output));
        all += &said(&output);
        said(&output)
    };
    run(&["pki", "init", "--dir", "pki"], 0);
    assert!(run(&["pki", "init", "--dir", "pki"], 1).contains("ARG-0701"));
    let issue =
        ["pki", "issue", "--dir", "pki", "--identity", "node/eu-1", "--dns", "eu-1.example", "--ip", "127.0.0.1"];
    run(&issue, 0);
    assert!(run(&issue, 1).contains("ARG-0709"));
    assert!(run(&["pki", "show", "pki/node-eu-1.crt"], 0).contains("argosy://node/eu-1"));
    assert!(run(&["pki", "show", "pki/node-eu-1.key"], 1).contains("ARG-0703"));
    run(&["pki", "renew", "--dir", "pki", "--identity", "node/eu-1", "--days", "30"], 0);
    run(&["pki", "issue", "--dir", "pki", "--identity", "user/me"], 2);
    for key in ["pki/ca.key", "pki/node-eu-1.key"] {
        let text = fs::read_to_string(dir.path().join(key)).expect("readable by its owner");
        assert!(text.lines().skip(1).all(|line| line.starts_with("---") || !all.contains(line)));
    }
}

#[test]
fn the_reference_and_the_version_are_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let reference = argosy(dir.path(), &["config", "reference"]);
    assert!(said(&reference).starts_with("# Configuration of `argosy server`"));
    let version = argosy(dir.path(), &["version", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&version.stdout).expect("JSON");
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
}
