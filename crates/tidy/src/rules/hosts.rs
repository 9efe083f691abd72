//! Nothing in the repository knows the machine it was written on, nor where that machine fetched its packages.

use crate::{Repo, Violation};

// In pieces, so that this file does not break its own rule.
const MACHINE_FOLDERS: &[&str] = &[concat!("/", "work/"), concat!("/", "root/"), concat!("/", "farm/")];
const PUBLIC_REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// No path of one particular machine in any file.
pub fn no_machine_paths(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in repo.files() {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| line.contains(**folder)) {
                found.push(Violation::at(&file.path, index + 1, format!("{folder} exists on one machine only")));
            }
        }
    }
    found
}

/// Packages come from the public registry: the lock file names no other source, and cargo's settings replace none.
pub fn packages_come_from_the_public_registry(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in repo.files() {
        let is_lock = file.name() == "Cargo.lock";
        let is_settings = file.path.contains(".cargo/config");
        for (index, line) in file.text.lines().enumerate() {
            let foreign_source = is_lock && line.starts_with("source = ") && !line.contains(PUBLIC_REGISTRY);
            let replaced = is_settings
                && ["[source", "[registr", "replace-with"].iter().any(|word| line.trim_start().starts_with(word));
            if foreign_source || replaced {
                found.push(Violation::at(&file.path, index + 1, "names a package source of one particular network"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_path_is_caught_in_any_kind_of_file() {
        let bad = format!("fine\ncd {}x\n", MACHINE_FOLDERS[1]);
        let repo = Repo::of(&[("Makefile", &bad), ("README.md", "networks/ and roots/\n")]);
        let found = no_machine_paths(&repo);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("Makefile", 2));
    }

    #[test]
    fn a_foreign_registry_is_caught() {
        let lock = format!("source = \"{PUBLIC_REGISTRY}\"\nsource = \"registry+https://packages.example/index\"\n");
        let repo = Repo::of(&[
            ("Cargo.lock", &lock),
            (".cargo/config.toml", "[build]\n[source.crates-io]\nreplace-with = \"x\"\n"),
        ]);
        let found: Vec<_> = packages_come_from_the_public_registry(&repo)
            .into_iter()
            .map(|violation| (violation.path, violation.line))
            .collect();
        assert_eq!(
            found,
            [(".cargo/config.toml".to_owned(), 2), (".cargo/config.toml".to_owned(), 3), ("Cargo.lock".to_owned(), 2)]
        );
    }
}
