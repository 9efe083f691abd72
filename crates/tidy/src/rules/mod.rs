//! The rules, one module each. A rule sees the repository as text and returns every place that breaks it.

pub mod adr;
pub mod book;
pub mod error_pages;
pub mod failpoints;
pub mod graph;
pub mod hosts;
pub mod links;
pub mod lints;
pub mod module_docs;
pub mod named_tests;
pub mod names;
pub mod purity;
pub mod readme;
pub mod sizes;
pub mod unfinished;
pub mod waits;

use crate::{Code, File, Repo};

/// Whether a Rust file holds nothing but tests: it lies in a `tests` folder, is called `tests.rs`, or is the file of a module
/// that its parent declares under `#[cfg(test)]`.
fn is_test_file(repo: &Repo, file: &File) -> bool {
    file.path.contains("/tests/") || file.name() == "tests.rs" || declared_as_test(repo, &file.path)
}

/// Looks for the parent of each folder on the way down to the file: a test module's own modules are tests too.
fn declared_as_test(repo: &Repo, path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else { return false };
    let Some(module) = name.strip_suffix(".rs") else { return false };
    if module == "mod" {
        return declared_as_test(repo, &format!("{folder}.rs"));
    }
    let declared_here = parents(folder)
        .iter()
        .filter_map(|parent| repo.file(parent)?.code.as_ref())
        .any(|code| declares_test(code, module));
    declared_here || (!folder.ends_with("/src") && declared_as_test(repo, &format!("{folder}.rs")))
}

/// The files that may declare the modules of a folder.
fn parents(folder: &str) -> [String; 4] {
    [format!("{folder}/lib.rs"), format!("{folder}/main.rs"), format!("{folder}/mod.rs"), format!("{folder}.rs")]
}

fn declares_test(code: &Code, module: &str) -> bool {
    code.test_modules().iter().any(|name| name == module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_declared_under_cfg_test_is_a_test_file_and_so_are_its_own_modules() {
        let repo = Repo::of(&[
            ("crates/x/src/lib.rs", "mod real;\n#[cfg(test)]\nmod golden;\n"),
            ("crates/x/src/real.rs", ""),
            ("crates/x/src/golden.rs", "mod script;"),
            ("crates/x/src/golden/script.rs", ""),
            ("crates/x/tests/whole.rs", ""),
        ]);
        let tests: Vec<_> =
            repo.files().filter(|file| is_test_file(&repo, file)).map(|file| file.path.as_str()).collect();
        assert_eq!(tests, ["crates/x/src/golden.rs", "crates/x/src/golden/script.rs", "crates/x/tests/whole.rs"]);
    }
}
