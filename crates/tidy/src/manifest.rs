//! What a crate depends on, read from its manifest; and what those depend on in turn, read from the lock file.

use crate::{File, Repo};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

const PREFIX: &str = "argosy-";

/// One crate of the workspace.
#[derive(Debug)]
pub struct Manifest {
    /// The folder of the manifest, which is also the crate's name without `argosy-`.
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

/// The manifests of all crates: those below `crates/`, and the chaos worlds beside them.
///
/// # Panics
/// When a manifest is no TOML; cargo would have stopped there before.
pub fn manifests(repo: &Repo) -> Vec<Manifest> {
    let beside = repo.below("chaos/").filter(|file| file.path.split('/').count() == 2);
    repo.below("crates/")
        .filter(|file| file.path.split('/').count() == 3)
        .chain(beside)
        .filter(|file| file.name() == "Cargo.toml")
        .map(read)
        .collect()
}

fn read(file: &File) -> Manifest {
    let table: Table = file.text.parse().expect("a manifest is TOML");
    let mut manifest = Manifest {
        name: file.path.rsplit('/').nth(1).unwrap_or_default().to_owned(),
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

/// Everything that `direct` pulls in, itself included, mapped to the direct dependency that brought it.
///
/// Read from the lock file, which knows no features that are off and leaves out the tests of foreign packages.
///
/// # Panics
/// When the lock file is missing or no TOML.
pub fn closure(repo: &Repo, direct: &BTreeSet<String>) -> BTreeMap<String, String> {
    let lock: Table =
        repo.file("Cargo.lock").expect("the lock file is tracked").text.parse().expect("the lock file is TOML");
    let packages: Vec<Locked<'_>> =
        lock.get("package").and_then(Value::as_array).into_iter().flatten().map(Locked::read).collect();
    let mut found = BTreeMap::new();
    for root in direct {
        let mut seen = BTreeSet::new();
        // Which of two locked versions a manifest means is not resolved here; both are followed.
        let mut open = vec![root.as_str()];
        while let Some(entry) = open.pop() {
            for package in packages.iter().filter(|package| package.is(entry)) {
                if seen.insert((package.name, package.version)) {
                    found.entry(package.name.to_owned()).or_insert_with(|| root.clone());
                    open.extend(&package.uses);
                }
            }
        }
    }
    found
}

/// One package of the lock file.
struct Locked<'a> {
    name: &'a str,
    version: &'a str,
    uses: Vec<&'a str>,
}

impl<'a> Locked<'a> {
    fn read(package: &'a Value) -> Self {
        let text = |key| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = text("name");
        let listed =
            package.get("dependencies").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        // The entry of one of our own crates lists its tests' packages too; that crate is judged by its own manifest.
        let uses = if name.starts_with(PREFIX) { vec![] } else { listed.collect() };
        Self { name, version: text("version"), uses }
    }

    /// An entry is a name, with a version behind it where the lock file has several.
    fn is(&self, entry: &str) -> bool {
        match entry.split_once(' ') {
            None => self.name == entry,
            Some((name, version)) => self.name == name && version.split(' ').next() == Some(self.version),
        }
    }
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
        let lock = "[[package]]\nname = \"a\"\ndependencies = [\"b 1.0.0\"]\n\
                    [[package]]\nname = \"b\"\nversion = \"1.0.0\"\ndependencies = [\"tokio\"]\n\
                    [[package]]\nname = \"b\"\nversion = \"2.0.0\"\ndependencies = [\"rand\"]\n\
                    [[package]]\nname = \"tokio\"\n[[package]]\nname = \"rand\"\n\
                    [[package]]\nname = \"argosy-model\"\ndependencies = [\"rand\"]\n";
        let repo = Repo::of(&[("Cargo.lock", lock)]);
        let found = closure(&repo, &BTreeSet::from(["a".to_owned(), "argosy-model".to_owned()]));
        assert_eq!(found.get("tokio").map(String::as_str), Some("a"));
        let names: Vec<_> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "argosy-model", "b", "tokio"]);
    }
}
