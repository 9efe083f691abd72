//! Every Rust file opens by saying what it is.

use crate::{Repo, Violation};

/// The first line of every `.rs` file is a `//!` with words in it.
pub fn every_file_opens_with_its_purpose(repo: &Repo) -> Vec<Violation> {
    let opens_well = |text: &str| {
        text.lines().next().and_then(|line| line.strip_prefix("//!")).is_some_and(|words| !words.trim().is_empty())
    };
    repo.rust()
        .filter(|(file, _)| !opens_well(&file.text))
        .map(|(file, _)| Violation::at(&file.path, 1, "open with //!: what it is, what it may not do, where it sits"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_caught() {
        let repo = Repo::of(&[
            ("a.rs", "//! What it is.\n"),
            ("b.rs", "use std::fmt;\n//! Late.\n"),
            ("build.rs", ""),
            ("c.rs", "//!\n"),
        ]);
        let paths: Vec<_> =
            every_file_opens_with_its_purpose(&repo).into_iter().map(|violation| violation.path).collect();
        assert_eq!(paths, ["b.rs", "build.rs", "c.rs"]);
    }
}
