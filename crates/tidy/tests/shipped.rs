//! What cargo itself says of the graph that `argosy` is built from: no simulation in it, and no switch armed.

use std::process::Command;

/// Features and packages of `argosy`, as `cargo tree` lists them.
fn graph_of(package: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root).args(["tree", "--package", package, "--locked", "--offline"]);
    let listed = cargo.args(["--edges", "normal,build,features", "--prefix", "none"]).output().expect("cargo runs");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    String::from_utf8(listed.stdout).expect("cargo writes UTF-8")
}

#[test]
fn the_shipped_binary_has_no_failpoints_and_the_lab_has() {
    let shipped = graph_of("argosy-cli");
    assert!(shipped.contains("argosy-failpoint v"), "the product asks for switches");
    let armed = "argosy-failpoint feature \"armed\"";
    for banned in [armed, "argosy-chaos", "argosy-hermetic", "turmoil"] {
        assert!(!shipped.contains(banned), "argosy is built with {banned}");
    }
    assert!(graph_of("argosy-lab").contains(armed), "worlds without failpoints find little");
}
