//! Switches for simulations: where they are armed, and that each stands somewhere.

use super::is_test_file;
use crate::{Repo, Violation};

/// The crate of the switches, and the one that may arm them.
const SWITCHES: &str = "crates/failpoint/";
const ARMED_BY: &str = "chaos/Cargo.toml";

/// Nobody but the worlds turns the switches on: what is deployed has none.
pub fn only_worlds_arm_failpoints(repo: &Repo) -> Vec<Violation> {
    let manifests = repo.files().filter(|file| file.name() == "Cargo.toml" && file.path != ARMED_BY);
    let mut found = Vec::new();
    for file in manifests.filter(|file| !file.path.starts_with(SWITCHES)) {
        for (line, text) in (1..).zip(file.text.lines()) {
            let names_it = text.contains("argosy-failpoint") && text.contains("features");
            if names_it || text.contains("argosy-failpoint/armed") {
                let message = format!("arms failpoints: only {ARMED_BY} may, or `argosy` could be built with them");
                found.push(Violation::at(&file.path, line, message));
            }
        }
    }
    found
}

/// Every failpoint stands in one place of the product, and every planted bug in one at least: a name that nobody asks for would count as
/// covered by luck, and one that stands twice would hide a place that is never reached.
pub fn every_switch_stands_somewhere(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (table, kind, most) in [("names.rs", "Failpoint", 1), ("planted.rs", "Planted", usize::MAX)] {
        let path = format!("{SWITCHES}src/{table}");
        let Some(listed) = repo.file(&path) else { continue };
        for (line, text) in (1..).zip(listed.text.lines()) {
            let Some(variant) = variant(text) else { continue };
            let count = count(repo, &format!("{kind}::{variant}"));
            if count == 0 || count > most {
                found.push(Violation::at(&path, line, format!("{kind}::{variant} stands in {count} places")));
            }
        }
    }
    found
}

/// The variant of a line of a table: a name, and two texts.
fn variant(line: &str) -> Option<&str> {
    let (name, rest) = line.trim().split_once(' ')?;
    let is_name = name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric);
    (is_name && rest.starts_with('"') && rest.matches('"').count() == 4).then_some(name)
}

fn count(repo: &Repo, switch: &str) -> usize {
    let product = repo.rust().filter(|(file, _)| !file.path.starts_with(SWITCHES) && !is_test_file(repo, file));
    let whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric());
    product
        .map(|(file, code)| {
            let at = file.text.match_indices(switch);
            at.filter(|(at, _)| whole(&file.text[at + switch.len()..]) && !code.is_test_at(*at)).count()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arming_them_elsewhere_is_caught() {
        let armed = "[dependencies]\nargosy-failpoint = { workspace = true, features = [\"armed\"] }\n";
        let forwarded = "[features]\nlab = [\"argosy-failpoint/armed\"]\n";
        let plain = "[dependencies]\nargosy-failpoint.workspace = true\n";
        let repo = Repo::of(&[
            ("chaos/Cargo.toml", armed),
            ("crates/server/Cargo.toml", armed),
            ("crates/raft/Cargo.toml", forwarded),
            ("crates/storage/Cargo.toml", plain),
            ("Cargo.toml", "argosy-failpoint = { path = \"crates/failpoint\" }\n"),
        ]);
        let mut paths: Vec<_> = only_worlds_arm_failpoints(&repo).into_iter().map(|found| found.path).collect();
        paths.sort();
        assert_eq!(paths, ["crates/raft/Cargo.toml", "crates/server/Cargo.toml"]);
    }

    #[test]
    fn a_switch_that_stands_nowhere_or_twice_is_caught() {
        let table = "Failpoint {\n    Once \"a.once\" \"It.\",\n    Twice \"a.twice\" \"It.\",\n    Never \"a.never\" \"It.\",\n}\n";
        let code =
            "fn f() { g(Failpoint::Once); g(Failpoint::Twice); g(Failpoint::Twice); g(Failpoint::NeverMind); }\n";
        let repo = Repo::of(&[("crates/failpoint/src/names.rs", table), ("crates/raft/src/a.rs", code)]);
        let lines: Vec<_> = every_switch_stands_somewhere(&repo).into_iter().map(|found| found.line).collect();
        assert_eq!(lines, [3, 4]);
    }
}
