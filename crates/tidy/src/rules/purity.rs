//! The pure crates: same input, same output, to the byte, on every replica and in every replay.
//!
//! Clippy bans clocks, threads, the environment and randomly seeded maps there; this module keeps those bans in place and
//! bans what clippy has no word for.

use super::is_test_file;
use crate::manifest::{closure, manifests};
use crate::{Repo, Violation};

/// Crates that do no I/O, read no clock and draw no random number.
const PURE: &[&str] = &["model", "engine", "shard", "coordinator", "health", "pool", "repair", "notify", "desk"];

/// Packages that would bring any of it in, directly or through another. `getrandom` is not among them: in the lock file it hangs
/// on `rand_core`, which imbl uses as a trait only, because some other crate turns that feature on.
const BANNED: &[&str] = &["tokio", "tonic", "hyper", "rand", "rocksdb", "openraft", "mio", "chrono", "rayon"];

/// Modules of std that only exist to reach outside the process.
const OUTSIDE: &[&str] = &["std::fs", "std::net", "std::process", "std::os"];

/// Every pure crate carries clippy's bans, and all carry the same.
pub fn pure_crates_carry_the_same_bans(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut first = None;
    for name in PURE.iter().filter(|name| repo.has(&format!("crates/{name}"))) {
        let path = format!("crates/{name}/clippy.toml");
        match (repo.file(&path), first) {
            (None, _) => found.push(Violation::of(&path, "is missing: copy that of crates/model")),
            (Some(file), None)
                if !["Instant::now", "HashMap", "env::var"].iter().all(|ban| file.text.contains(ban)) =>
            {
                found.push(Violation::of(&path, "lacks the ban of a clock, of a random order or of the environment"));
            }
            (Some(file), None) => first = Some(file.text.as_str()),
            (Some(file), Some(first)) if file.text != first => {
                found.push(Violation::of(&path, "differs from that of the pure crate before it: keep one text"));
            }
            _ => {}
        }
    }
    found
}

/// No pure crate is built from a package that does I/O or draws randomness.
pub fn pure_crates_depend_on_nothing_impure(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for manifest in manifests(repo).into_iter().filter(|manifest| PURE.contains(&manifest.name.as_str())) {
        for (package, brought_by) in closure(repo, &manifest.ships) {
            if BANNED.contains(&package.as_str()) {
                found.push(Violation::of(&manifest.path, format!("is built from {package}, through {brought_by}")));
            }
        }
    }
    found
}

/// No pure crate touches files, sockets or processes outside its tests.
pub fn pure_crates_do_no_io(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, code) in repo.rust().filter(|(file, _)| is_pure_source(&file.path) && !is_test_file(repo, file)) {
        for module in OUTSIDE {
            for at in code.uses(module).filter(|&at| !code.is_test_at(at)) {
                found.push(Violation::at(
                    &file.path,
                    code.line_of(at),
                    format!("{module} in a pure crate: do it in the server and hand the result in"),
                ));
            }
        }
    }
    found
}

fn is_pure_source(path: &str) -> bool {
    PURE.iter().any(|name| {
        path.strip_prefix("crates/")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with("/src/"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANS: &str = "Instant::now HashMap env::var";

    #[test]
    fn a_missing_a_weak_and_a_differing_file_of_bans_are_caught() {
        let missing = Repo::of(&[("crates/model/clippy.toml", BANS), ("crates/engine/Cargo.toml", "")]);
        let weak = Repo::of(&[("crates/model/clippy.toml", "Instant::now")]);
        let differing = Repo::of(&[("crates/model/clippy.toml", BANS), ("crates/shard/clippy.toml", "HashMap")]);
        let same = Repo::of(&[("crates/model/clippy.toml", BANS), ("crates/engine/clippy.toml", BANS)]);
        let counts = [&missing, &weak, &differing, &same].map(|repo| pure_crates_carry_the_same_bans(repo).len());
        assert_eq!(counts, [1, 1, 1, 0]);
    }

    #[test]
    fn an_impure_package_is_caught_through_another() {
        let manifest = "[dependencies]\nimbl = \"7\"\n[dev-dependencies]\nrand = \"0.10\"\n";
        let lock = "[[package]]\nname = \"imbl\"\ndependencies = [\"rand\"]\n[[package]]\nname = \"rand\"\n";
        let repo = Repo::of(&[
            ("Cargo.lock", lock),
            ("crates/shard/Cargo.toml", manifest),
            ("crates/server/Cargo.toml", manifest),
        ]);
        let found = pure_crates_depend_on_nothing_impure(&repo);
        assert_eq!(found, [Violation::of("crates/shard/Cargo.toml", "is built from rand, through imbl")]);
    }

    #[test]
    fn io_in_a_pure_crate_is_caught_outside_tests() {
        let text = "use std::fs;\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        let repo = Repo::of(&[
            ("crates/engine/src/a.rs", text),
            ("crates/engine/tests/golden.rs", text),
            ("crates/server/src/a.rs", text),
        ]);
        let found: Vec<_> =
            pure_crates_do_no_io(&repo).into_iter().map(|violation| (violation.path, violation.line)).collect();
        assert_eq!(found, [("crates/engine/src/a.rs".to_owned(), 1)]);
    }
}
