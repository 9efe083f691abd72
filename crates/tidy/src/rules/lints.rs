//! Every crate is held to the workspace's lints, `unsafe_code = "forbid"` first among them.

use crate::manifest::manifests;
use crate::{Repo, Violation};

/// The crates with lints of their own, because each defines C symbols, makes a request to the kernel that nothing safe makes, or is an allocator. Their heads
/// say why there is no other way.
const OWN_LINTS: &[&str] = &["counting", "hermetic", "nvml-standin", "tap"];

/// What those crates may be linked into: simulations, tests and benchmarks, and nothing that is deployed.
const MAY_LINK: &[&str] = &["benches", "chaos", "hosts"];

/// No other crate opts out, and none of those is built into what ships.
pub fn unsafe_stays_where_it_is(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for manifest in manifests(repo) {
        let text = repo.file(&manifest.path).map_or("", |file| file.text.as_str());
        let own = OWN_LINTS.contains(&manifest.name.as_str());
        if !own && !text.contains("[lints]\nworkspace = true") {
            found.push(Violation::of(&manifest.path, "has lints of its own: say `[lints] workspace = true`"));
        }
        for other in OWN_LINTS {
            let linked = manifest.ships.contains(&format!("argosy-{other}"));
            if linked && !MAY_LINK.contains(&manifest.name.as_str()) {
                found.push(Violation::of(&manifest.path, format!("{other} is for simulations and tests only")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_opts_out_and_one_that_ships_unsafe_code_are_caught() {
        let held = "[lints]\nworkspace = true\n";
        let ships = format!("{held}[dependencies]\nargosy-nvml-standin = {{ path = \"../nvml-standin\" }}\n");
        let tests = format!("{held}[dev-dependencies]\nargosy-nvml-standin = {{ path = \"../nvml-standin\" }}\n");
        let repo = Repo::of(&[
            ("crates/hermetic/Cargo.toml", "[lints.rust]\nunsafe_code = \"allow\"\n"),
            ("crates/model/Cargo.toml", "[lints.rust]\nunsafe_code = \"allow\"\n"),
            ("crates/agent/Cargo.toml", &tests),
            ("crates/cli/Cargo.toml", &ships),
        ]);
        let paths: Vec<_> = unsafe_stays_where_it_is(&repo).into_iter().map(|violation| violation.path).collect();
        assert_eq!(paths, ["crates/cli/Cargo.toml", "crates/model/Cargo.toml"]);
    }
}
