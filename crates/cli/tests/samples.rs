//! The configurations that we hand out in `deploy/` are ones that a server would start with.

use std::path::{Path, PathBuf};
use std::process::Command;

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config");
    let entries =
        folder.read_dir().expect("deploy/config is there").map(|entry| entry.expect("a readable entry").path());
    let servers = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    // The placement is no configuration of its own: each of the others names it.
    servers.filter(|path| path.file_name().is_some_and(|name| name != "placement.toml")).collect()
}

#[test]
fn every_sample_configuration_passes_its_own_check_without_a_warning() {
    let samples = samples();
    assert!(samples.len() >= 3, "one for each region: {samples:?}");
    for sample in samples {
        let checked = Command::new(env!("CARGO_BIN_EXE_argosy"))
            .args(["config", "check"])
            .arg(&sample)
            .output()
            .expect("argosy runs");
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success() && said.starts_with("ok:"), "{}:\n{said}", sample.display());
    }
}

#[test]
fn the_sample_configuration_of_an_agent_passes_its_check() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/agent.yaml");
    let argosy = Command::new(env!("CARGO_BIN_EXE_argosy"));
    let checked = { argosy }.args(["agent", "--check", "--config"]).arg(sample).output().expect("argosy runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn one_look_at_this_machine_needs_no_server_and_is_json() {
    let argosy = Command::new(env!("CARGO_BIN_EXE_argosy"));
    let looked = { argosy }.args(["agent", "--once", "--json"]).output().expect("argosy runs");
    let shown: serde_json::Value = serde_json::from_slice(&looked.stdout).expect("it prints JSON");
    assert!(shown["inventory"]["cpus"].as_u64().is_some_and(|cpus| cpus > 0), "{shown}");
    assert!(shown["sample"]["memory_total_bytes"].as_u64().is_some(), "{shown}");
}
