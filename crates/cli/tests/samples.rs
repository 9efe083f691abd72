//! The configurations that we hand out in `deploy/` are ones that a server would start with.

use std::path::{Path, PathBuf};
use std::process::Command;

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config");
    let entries =
        folder.read_dir().expect("deploy/config is there").map(|entry| entry.expect("a readable entry").path());
    // The placement is no configuration of its own: each of the others names it.
    entries.filter(|path| path.file_name().is_some_and(|name| name != "placement.toml")).collect()
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
