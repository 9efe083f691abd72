//! A test that a page names is there.

use crate::{Repo, Violation};

/// Every `path.rs::name` in backticks on a Markdown page names a function of that file.
pub fn tests_that_pages_name_exist(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for page in repo.files().filter(|file| file.path.ends_with(".md")) {
        for (index, line) in page.text.lines().enumerate() {
            for named in line.split('`').skip(1).step_by(2).filter(|word| word.contains(".rs::")) {
                let exists = named.split_once("::").is_some_and(|(path, name)| has_function(repo, path, name));
                if !exists {
                    found.push(Violation::at(&page.path, index + 1, format!("there is no {named}")));
                }
            }
        }
    }
    found
}

fn has_function(repo: &Repo, path: &str, name: &str) -> bool {
    repo.file(path).is_some_and(|file| file.text.contains(&format!("fn {name}(")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_any_more_is_caught() {
        let page =
            "`crates/x/tests/a.rs::it_holds` and `crates/x/tests/a.rs::it_went`\n`crates/x/tests/b.rs::it_holds`\n";
        let repo = Repo::of(&[("docs/a.md", page), ("crates/x/tests/a.rs", "#[test]\nfn it_holds() {}\n")]);
        let found = tests_that_pages_name_exist(&repo);
        assert_eq!(found.iter().map(|one| one.line).collect::<Vec<_>>(), [1, 2]);
    }
}
