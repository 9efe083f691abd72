//! What a person can meet has a page that says what to do, and no page speaks of an error that is gone.

use crate::{Repo, Violation};
use std::collections::BTreeMap;

const FOLDER: &str = "docs/errors/";
const PREFIX: &str = "ARG-";

/// Every code in the sources has its page, every page its code, and each page opens with a heading that names it.
pub fn codes_and_pages_agree(repo: &Repo) -> Vec<Violation> {
    let mentioned = codes_in_sources(repo);
    let mut found = Vec::new();
    for (code, (path, line)) in &mentioned {
        if repo.file(&format!("{FOLDER}{code}.md")).is_none() {
            found.push(Violation::at(path, *line, format!("{code} has no page {FOLDER}{code}.md")));
        }
    }
    for page in repo.below(FOLDER).filter(|page| page.name() != "README.md") {
        let code = page.name().trim_end_matches(".md");
        if codes(code).next() != Some((0, code)) {
            found.push(Violation::of(&page.path, "is not called ARG-dddd.md"));
        } else if !mentioned.contains_key(code) {
            found.push(Violation::of(&page.path, "no source mentions this code: take the page out"));
        } else if !page.text.starts_with(&format!("# {code}")) {
            found.push(Violation::at(
                &page.path,
                1,
                format!("the first line is not a heading that begins with {code}"),
            ));
        }
    }
    found
}

/// The first place of each code. This crate is left out: its samples are no errors of the product.
fn codes_in_sources(repo: &Repo) -> BTreeMap<&str, (&str, usize)> {
    let mut found = BTreeMap::new();
    let sources = repo.below("crates/").chain(repo.below("chaos/")).filter(|file| file.path.ends_with(".rs"));
    for file in sources.filter(|file| !file.path.starts_with("crates/tidy/")) {
        for (index, line) in file.text.lines().enumerate() {
            for (_, code) in codes(line) {
                found.entry(code).or_insert((file.path.as_str(), index + 1));
            }
        }
    }
    found
}

fn codes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let code = text.get(at..at + PREFIX.len() + 4)?;
        code[PREFIX.len()..].bytes().all(|byte| byte.is_ascii_digit()).then_some((at, code))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_without_page_a_page_without_code_and_a_wrong_heading_are_caught() {
        let repo = Repo::of(&[
            ("crates/x/src/lib.rs", "const A: &str = \"ARG-0101\";\n// ARG-0102 and ARG-0103; ARG-dddd is none\n"),
            ("docs/errors/ARG-0101.md", "# ARG-0101: fine\n"),
            ("docs/errors/ARG-0103.md", "# Something else\n"),
            ("docs/errors/ARG-0199.md", "# ARG-0199: gone\n"),
            ("docs/errors/README.md", "# Error codes\n"),
            ("docs/errors/notes.md", "# Notes\n"),
        ]);
        let found: Vec<_> =
            codes_and_pages_agree(&repo).into_iter().map(|violation| (violation.path, violation.line)).collect();
        let expected = [
            ("crates/x/src/lib.rs", 2),
            ("docs/errors/ARG-0103.md", 1),
            ("docs/errors/ARG-0199.md", 0),
            ("docs/errors/notes.md", 0),
        ];
        assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
    }
}
