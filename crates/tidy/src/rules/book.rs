//! Every page of the documentation is in the book.

use crate::{Repo, Violation};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Each Markdown page below `docs/` has its line in the summary; `make docs` writes those of records and error pages.
pub fn every_page_is_listed(repo: &Repo) -> Vec<Violation> {
    let Some(summary) = repo.file(SUMMARY) else { return vec![Violation::of(SUMMARY, "is missing")] };
    repo.below("docs/")
        .filter(|file| file.path.ends_with(".md") && file.path != SUMMARY)
        .filter(|file| !summary.text.contains(&format!("]({})", file.path.trim_start_matches("docs/"))))
        .map(|file| Violation::of(&file.path, format!("is not in {SUMMARY}: run `make docs`, or add its line by hand")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_outside_the_summary_is_caught() {
        let repo = Repo::of(&[
            ("docs/SUMMARY.md", "- [One](adr/0001-one.md)\n"),
            ("docs/adr/0001-one.md", ""),
            ("docs/adr/0002-two.md", ""),
        ]);
        let paths: Vec<_> = every_page_is_listed(&repo).into_iter().map(|violation| violation.path).collect();
        assert_eq!(paths, ["docs/adr/0002-two.md"]);
        assert_eq!(every_page_is_listed(&Repo::of(&[])).len(), 1);
    }
}
