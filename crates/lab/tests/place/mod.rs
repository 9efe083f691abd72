//! Where the binaries of this build lie.

use std::path::PathBuf;

/// The binary that the workspace's build puts beside the folder of this test.
pub(crate) fn argosy() -> PathBuf {
    let test = std::env::current_exe().expect("this test's own path");
    let program = test.ancestors().nth(2).expect("a target folder").join("argosy");
    assert!(program.exists(), "{} is not there: cargo build -p argosy-cli", program.display());
    program
}
