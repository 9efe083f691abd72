//! The page of what is known to go wrong names tests and plants that exist, and leaves out none.

use std::fs;
use std::path::{Path, PathBuf};

use argosy_proof::plant::Plant;

const PAGE: &str = "docs/reference/pathologies.md";
/// The bugs that can be planted in what is deployed, in simulated worlds.
const SWITCHES: &str = "crates/failpoint/src/planted.rs";
/// Those of unit tests.
const PLANTS: [&str; 2] = ["crates/shard/src/plant.rs", "crates/server/src/plant.rs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The texts of all Rust files of the crates, and the names of all other files.
fn read_all(folder: &Path, code: &mut String, names: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            read_all(&path, code, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(&path).expect("text"));
        } else if let Some(name) = path.file_stem() {
            names.push_str(&format!("{}\n", name.to_string_lossy()));
        }
    }
}

/// What stands in backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_and_plant_of_the_page_exists_and_no_row_is_left_out() {
    let page = fs::read_to_string(root().join(PAGE)).expect("the page");
    let (mut code, mut names) = (String::new(), String::new());
    read_all(&root().join("crates"), &mut code, &mut names);
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && line.contains('`')).collect();
    for name in rows.iter().flat_map(|row| quoted(row)).filter(|name| name.contains('_')) {
        let is_there = code.contains(&format!("fn {name}(")) || names.lines().any(|file| file == name);
        assert!(is_there, "{PAGE} names {name}, and no test is called that");
    }
    let switches = fs::read_to_string(root().join(SWITCHES)).expect("the switches");
    let plants = PLANTS.map(|file| fs::read_to_string(root().join(file)).expect("the bugs")).concat();
    let is_plant = |name: &str| name.starts_with(|first: char| first.is_ascii_uppercase());
    for name in rows.iter().flat_map(|row| quoted(row)).filter(|name| is_plant(name)) {
        let is_there = Plant::ALL.iter().any(|plant| format!("{plant:?}") == name)
            || switches.lines().any(|line| line.trim_start().starts_with(&format!("{name} \"")))
            || plants.lines().any(|line| line.trim() == format!("{name},"));
        assert!(is_there, "{PAGE} names {name}, and nobody can plant that");
    }
    for plant in Plant::ALL {
        assert!(page.contains(&format!("`{plant:?}`")), "{plant:?} has no row in {PAGE}");
    }
    let recorded = (1..=38).map(|row| row.to_string()).chain(('a'..='u').map(String::from));
    for row in recorded {
        assert!(page.contains(&format!("\n| {row} | ")), "row {row} is missing in {PAGE}");
    }
}
