//! What a crate depends on, read from its manifest; and what those depend on in turn, read from the lock file.

use crate::{File, Repo};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

const PREFIX: &str = "argosy-";

/// One crate of the workspace.
#[derive(Debug)]
pub struct Manifest {
    /// The folder below `crates/`, which is also the crate's name without `argosy-`.
    pub name: String,
    /// Path of the manifest.
    pub path: String,
    /// Packages the product is built from: dependencies and build dependencies, on any target.
    pub ships: BTreeSet<String>,
    /// Packages that only tests, examples and benches see.
    pub tests_with: BTreeSet<String>,
}

impl Manifest {
    /// Names of our own crates among `packages`, without `argosy-`.
    pub fn ours(packages: &BTreeSet<String>) -> impl Iterator<Item = &str> {
        packages.iter().filter_map(|package| package.strip_prefix(PREFIX))
    }
}

/// The manifests of all crates below `crates/`.
///
/// # Panics
/// When a manifest is no TOML; cargo would have stopped there before.
pub fn manifests(repo: &Repo) -> Vec<Manifest> {
    repo.below("crates/")
        .filter(|file| file.path.split('/').count() == 3 && file.name() == "Cargo.toml")
        .map(read)
        .collect()
}

fn read(file: &File) -> Manifest {
    let table: Table = file.text.parse().expect("a manifest is TOML");
    let mut manifest = Manifest {
        name: file.path.split('/').nth(1).unwrap_or_default().to_owned(),
        path: file.path.clone(),
        ships: BTreeSet::new(),
        tests_with: BTreeSet::new(),
    };
    manifest.add(&table);
    for target in table.get("target").and_then(Value::as_table).into_iter().flat_map(|targets| targets.values()) {
        manifest.add(target.as_table().expect("a target is a table"));
    }
    manifest
}

impl Manifest {
    fn add(&mut self, table: &Table) {
        self.ships.extend(packages(table, "dependencies").chain(packages(table, "build-dependencies")));
        self.tests_with.extend(packages(table, "dev-dependencies"));
    }
}

/// The packages of one section, under the names they are published by.
fn packages<'a>(table: &'a Table, section: &str) -> impl Iterator<Item = String> + 'a {
    table.get(section).and_then(Value::as_table).into_iter().flatten().map(|(key, value)| {
        let renamed = value.get("package").and_then(Value::as_str);
        renamed.unwrap_or(key).to_owned()
    })
}

/// For each of `direct`, everything it pulls in, itself included, mapped to the direct dependency that brought it.
///
/// Read from the lock file, which knows no features that are off and leaves out the tests of foreign packages.
///
/// # Panics
/// When the lock file is missing or no TOML.
pub fn closure(repo: &Repo, direct: &BTreeSet<String>) -> BTreeMap<String, String> {
    let lock: Table =
        repo.file("Cargo.lock").expect("the lock file is tracked").text.parse().expect("the lock file is TOML");
    let edges = lock_edges(&lock);
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for root in direct {
        let mut open = vec![root.as_str()];
        while let Some(package) = open.pop() {
            // Our own crates are judged by their own manifests; here they would bring their tests along.
            if package.starts_with(PREFIX) || found.contains_key(package) {
                continue;
            }
            found.insert(package.to_owned(), root.clone());
            open.extend(edges.get(package).into_iter().flatten());
        }
    }
    found
}

/// Edges by package name; two versions of one package are taken together.
fn lock_edges(lock: &Table) -> BTreeMap<&str, Vec<&str>> {
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock.get("package").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = package.get("name").and_then(Value::as_str) else { continue };
        let uses = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
        // An entry is a name, with a version behind it where the lock file has several.
        let names = uses.filter_map(Value::as_str).filter_map(|entry| entry.split(' ').next());
        edges.entry(name).or_default().extend(names);
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_targets_and_renames_are_read() {
        let text = "[dependencies]\nargosy-model.workspace = true\nx = { package = \"real-x\", version = \"1\" }\n\
                    [target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n[build-dependencies]\nprotox = \"1\"\n[dev-dependencies]\nproptest = \"1\"\n";
        let repo = Repo::of(&[("crates/engine/Cargo.toml", text), ("crates/engine/fuzz/Cargo.toml", "")]);
        let all = manifests(&repo);
        assert_eq!(all.len(), 1);
        let ships: Vec<_> = all[0].ships.iter().map(String::as_str).collect();
        assert_eq!(ships, ["argosy-model", "libc", "protox", "real-x"]);
        assert_eq!(Manifest::ours(&all[0].ships).collect::<Vec<_>>(), ["model"]);
        assert!(all[0].tests_with.contains("proptest"));
    }

    #[test]
    fn the_closure_follows_the_lock_file_and_names_who_brought_what() {
        let lock = "[[package]]\nname = \"a\"\ndependencies = [\"b 1.0.0\"]\n[[package]]\nname = \"b\"\ndependencies = [\"tokio\"]\n[[package]]\nname = \"tokio\"\n";
        let repo = Repo::of(&[("Cargo.lock", lock)]);
        let found = closure(&repo, &BTreeSet::from(["a".to_owned(), "argosy-model".to_owned()]));
        assert_eq!(found.get("tokio").map(String::as_str), Some("a"));
        assert_eq!(found.len(), 3);
    }
}
