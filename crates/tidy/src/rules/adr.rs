//! Decision records are numbered once and titled.

use crate::{Repo, Violation};
use std::collections::BTreeMap;

const FOLDER: &str = "docs/adr/";

/// Every record is called `NNNN-title.md`, opens with a heading, and shares its number with no other.
pub fn records_are_numbered_once(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
    for file in repo.below(FOLDER).filter(|file| file.name() != "README.md") {
        match number(file.name()) {
            None => found.push(Violation::of(&file.path, "is not called NNNN-title.md")),
            Some(number) => {
                if let Some(other) = holders.insert(number, &file.path) {
                    found.push(Violation::of(&file.path, format!("has the number of {other}: take the next free one")));
                }
            }
        }
        if !file.text.starts_with("# ") {
            found.push(Violation::at(
                &file.path,
                1,
                "the first line is not a heading; the book takes its entry from it",
            ));
        }
    }
    found
}

fn number(name: &str) -> Option<&str> {
    let (number, title) = name.strip_suffix(".md")?.split_once('-')?;
    (number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()) && !title.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_taken_twice_and_a_record_without_number_or_heading_are_caught() {
        let repo = Repo::of(&[
            ("docs/adr/0001-log.md", "# Log"),
            ("docs/adr/0001-plan.md", "# Plan"),
            ("docs/adr/0002-fold.md", "Fold"),
            ("docs/adr/README.md", "Records"),
            ("docs/adr/later.md", "# Later"),
        ]);
        let paths: Vec<_> = records_are_numbered_once(&repo).into_iter().map(|violation| violation.path).collect();
        assert_eq!(paths, ["docs/adr/0001-plan.md", "docs/adr/0002-fold.md", "docs/adr/later.md"]);
    }
}
