//! A name says what a thing is. Some names say only that nobody asked.

use crate::{Repo, Violation};

const EMPTY_SUFFIXES: &[&str] = &["Manager", "Helper", "Helpers", "Util", "Utils"];
const EMPTY_FILES: &[&str] = &["common.rs", "helper.rs", "helpers.rs", "misc.rs", "util.rs", "utils.rs"];
const EMPTY_FOLDERS: &[&str] = &["/common/", "/helper/", "/helpers/", "/misc/", "/util/", "/utils/"];

/// No type is called `…Manager`, `…Helper` or `…Util`, and no file or folder `common`, `helper`, `misc` or `util`.
pub fn no_empty_names(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, code) in repo.rust() {
        if EMPTY_FILES.contains(&file.name()) || EMPTY_FOLDERS.iter().any(|folder| file.path.contains(folder)) {
            found.push(Violation::of(&file.path, "name the file for the one thing it holds"));
        }
        for keyword in ["struct", "enum", "trait", "type", "mod"] {
            for at in code.uses(keyword) {
                let rest = code.masked()[at + keyword.len()..].trim_start();
                let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                if EMPTY_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
                    found.push(Violation::at(
                        &file.path,
                        code.line_of(at),
                        format!("`{name}`: name it for what it does"),
                    ));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_name_is_caught() {
        let repo = Repo::of(&[
            ("a/src/lib.rs", "struct LeaseManager;\nstruct Lease;\n// struct X Manager\nenum RetryHelper {}\n"),
            ("a/src/util.rs", ""),
            ("a/tests/common/mod.rs", ""),
        ]);
        let found: Vec<_> =
            no_empty_names(&repo).into_iter().map(|violation| (violation.path, violation.line)).collect();
        assert_eq!(
            found,
            [
                ("a/src/lib.rs".to_owned(), 1),
                ("a/src/lib.rs".to_owned(), 4),
                ("a/src/util.rs".to_owned(), 0),
                ("a/tests/common/mod.rs".to_owned(), 0)
            ]
        );
    }
}
