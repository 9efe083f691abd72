//! Files and functions stay small enough to be read in one sitting.

use super::is_test_file;
use crate::{Repo, Violation};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

/// Files that are longer for now, each with the length it may not exceed. Entries only shrink or go.
const LONG_FILES: &[(&str, usize)] = &[];

/// Files with a tighter bound than others: an adapter that grows has taken over work that belongs above its seam.
const SHORT_FILES: &[(&str, usize)] = &[("crates/storage/src/rocks.rs", 300)];

/// No Rust file is longer than 500 lines.
pub fn file_length(repo: &Repo) -> Vec<Violation> {
    file_length_with(repo, LONG_FILES)
}

fn file_length_with(repo: &Repo, long: &[(&str, usize)]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, _) in repo.rust() {
        let lines = file.text.lines().count();
        let special = long.iter().chain(SHORT_FILES).find(|(path, _)| *path == file.path);
        let allowed = special.map_or(FILE_LINES, |(_, allowed)| *allowed);
        if lines > allowed {
            found.push(Violation::of(&file.path, format!("{lines} lines, {allowed} allowed: split it by noun")));
        }
    }
    found.extend(long.iter().filter_map(|(path, allowed)| stale(repo, path, *allowed)));
    found
}

/// An exception that is no longer needed would let the file grow back unseen.
fn stale(repo: &Repo, path: &str, allowed: usize) -> Option<Violation> {
    let lines = repo.file(path).map_or(0, |file| file.text.lines().count());
    let message = match lines {
        0..=FILE_LINES => "fits by now: take it off the list of long files".to_owned(),
        lines if lines < allowed => format!("is down to {lines} lines: lower its entry in the list of long files"),
        _ => return None,
    };
    Some(Violation::of(path, message))
}

/// No function outside tests is longer than 70 lines.
pub fn function_length(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, code) in repo.rust().filter(|(file, _)| !is_test_file(repo, file)) {
        for function in code.functions() {
            if function.lines > FUNCTION_LINES && !code.is_test_at(function.start) {
                let message = format!("fn {} has {} lines, {FUNCTION_LINES} allowed", function.name, function.lines);
                found.push(Violation::at(&file.path, function.line, message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long_file(lines: usize) -> String {
        "//! x\n".repeat(lines)
    }

    fn long_function(lines: usize) -> String {
        format!("fn f() {{\n{}}}\n", "x();\n".repeat(lines - 2))
    }

    #[test]
    fn a_file_of_501_lines_is_caught_and_one_of_500_is_not() {
        let repo = Repo::of(&[("a.rs", &long_file(501)), ("b.rs", &long_file(500)), ("c.md", &long_file(900))]);
        let found = file_length_with(&repo, &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "a.rs");
    }

    #[test]
    fn an_adapter_of_301_lines_is_caught() {
        let repo = Repo::of(&[(SHORT_FILES[0].0, &long_file(301))]);
        assert_eq!(file_length(&repo).len(), 1);
    }

    #[test]
    fn the_list_of_long_files_may_only_shrink() {
        let repo = Repo::of(&[
            ("kept.rs", &long_file(600)),
            ("shrunk.rs", &long_file(590)),
            ("fits.rs", &long_file(400)),
            ("grown.rs", &long_file(601)),
        ]);
        let found = file_length_with(
            &repo,
            &[("kept.rs", 600), ("shrunk.rs", 600), ("fits.rs", 600), ("grown.rs", 600), ("gone.rs", 600)],
        );
        let paths: Vec<_> = found.iter().map(|violation| violation.path.as_str()).collect();
        assert_eq!(paths, ["grown.rs", "shrunk.rs", "fits.rs", "gone.rs"]);
    }

    #[test]
    fn a_function_of_71_lines_is_caught_outside_tests_only() {
        let (long, fits) = (long_function(71), long_function(70));
        let inside = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
        let repo = Repo::of(&[
            ("a/src/long.rs", &long),
            ("a/src/fits.rs", &fits),
            ("a/src/inside.rs", &inside),
            ("a/tests/t.rs", &long),
        ]);
        let found = function_length(&repo);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("a/src/long.rs", 1));
    }
}
