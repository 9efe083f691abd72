//! The crate graph of the architecture: arrows of dependency point down only.

use crate::manifest::{Manifest, manifests};
use crate::{Repo, Violation};
use std::collections::BTreeSet;

/// Each crate with those of ours it may be built from. A crate that is not in here does not exist yet.
const MAY_USE: &[(&str, &[&str])] = &[
    // Switches for simulations: constants in everything else.
    ("failpoint", &[]),
    ("model", &[]),
    ("engine", &["model"]),
    // The engine's oracle: it may be linked into what tests and simulates, never into what is deployed.
    ("proof", &["model", "engine"]),
    ("pool", &["model", "failpoint"]),
    // Its schedules are those of pools.
    ("repair", &["model", "pool", "failpoint"]),
    // Its spans of time are written as those of pools.
    ("notify", &["model", "pool"]),
    ("shard", &["model", "engine", "pool", "repair", "notify", "failpoint"]),
    // Not below the shard: conditions are evaluated on the leader, and what comes of them goes through the log.
    ("health", &["model"]),
    // What a leader concludes from soft state: the server and the simulator share it.
    ("desk", &["model", "pool", "shard", "health", "repair", "failpoint"]),
    ("coordinator", &["model", "failpoint"]),
    ("storage", &["failpoint"]),
    ("proto", &[]),
    // The one HTTP client to the outside.
    ("web", &[]),
    ("raft", &["storage", "proto", "failpoint"]),
    ("provider", &["proto", "model", "failpoint"]),
    // Providers as processes of their own: on the other side of the wire, so nothing of the control plane is theirs.
    ("sidecar", &["proto", "model", "provider", "web"]),
    ("workload", &["proto", "model"]),
    (
        "server",
        &[
            "model",
            "engine",
            "pool",
            "repair",
            "notify",
            "shard",
            "health",
            "desk",
            "coordinator",
            "storage",
            "proto",
            "raft",
            "provider",
            "web",
            "failpoint",
        ],
    ),
    // Starts the binaries and speaks to them; what it shares with the server is the form of its files.
    ("localfleet", &["proto", "model", "pool", "provider", "workload", "server"]),
    // How all reports look: text in, text out.
    ("page", &[]),
    // What was recorded elsewhere: plain data, and demand made of it.
    ("trace", &["workload"]),
    // Whole fleets on virtual time: beside the product, never in it.
    (
        "sim",
        &[
            "model",
            "engine",
            "proof",
            "pool",
            "repair",
            "notify",
            "shard",
            "health",
            "desk",
            "coordinator",
            "proto",
            "workload",
            "page",
            "trace",
        ],
    ),
    ("hermetic", &[]),
    // An allocator for benchmarks.
    ("counting", &[]),
    // A C library for tests, loaded by path: nothing that is deployed may link it.
    ("nvml-standin", &[]),
    ("agent", &["proto", "nvml-standin"]),
    ("tap", &[]),
    ("switch", &[]),
    (
        "chaos",
        &[
            "agent",
            "failpoint",
            "health",
            "hermetic",
            "page",
            "model",
            "engine",
            "shard",
            "storage",
            "proto",
            "raft",
            "provider",
            "workload",
            "server",
            "localfleet",
        ],
    ),
    // Real processes and a real kernel; what it shares with the worlds is how a run is judged and shown.
    ("hosts", &["tap", "switch", "proto", "model", "provider", "workload", "server", "localfleet", "chaos"]),
    (
        "cli",
        &[
            "model",
            "engine",
            "pool",
            "repair",
            "notify",
            "shard",
            "health",
            "coordinator",
            "storage",
            "proto",
            "raft",
            "provider",
            "sidecar",
            "workload",
            "server",
            "localfleet",
            "agent",
        ],
    ),
    (
        "lab",
        &[
            "agent",
            "failpoint",
            "model",
            "engine",
            "shard",
            "coordinator",
            "storage",
            "proto",
            "raft",
            "provider",
            "workload",
            "server",
            "localfleet",
            "trace",
            "sim",
            "chaos",
            "hosts",
        ],
    ),
    ("tidy", &[]),
];

/// Packages that one crate wraps for all others, so that a change of theirs is a change in one place.
const WRAPPED_BY: &[(&str, &str)] = &[
    ("rocksdb", "storage"),
    ("librocksdb-sys", "storage"),
    ("openraft", "raft"),
    ("openraft-rt-tokio", "raft"),
    ("turmoil", "chaos"),
    ("nvml-wrapper", "agent"),
    ("cel", "health"),
];

/// Crates at whose edge an error may lose its type.
const EDGES: &[&str] = &["cli", "lab"];

/// No crate uses another that the architecture does not put below it, in tests neither.
pub fn arrows_point_down(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for manifest in manifests(repo) {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == manifest.name) else {
            found.push(Violation::of(&manifest.path, "has no row in the crate graph of the tidy test"));
            continue;
        };
        let used: BTreeSet<&str> =
            Manifest::ours(&manifest.ships).chain(Manifest::ours(&manifest.tests_with)).collect();
        for other in used.into_iter().filter(|other| !allowed.contains(other)) {
            found.push(Violation::of(
                &manifest.path,
                format!("{} may not use {other}: see the crate graph", manifest.name),
            ));
        }
    }
    found
}

/// A wrapped package is used by its wrapper alone, and untyped errors only at the edge of a binary.
pub fn foreign_packages_stay_wrapped(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for manifest in manifests(repo) {
        for (package, wrapper) in WRAPPED_BY {
            if manifest.name != *wrapper && manifest.ships.contains(*package) {
                found.push(Violation::of(&manifest.path, format!("{package} is wrapped by {wrapper}: use that")));
            }
        }
        if manifest.ships.contains("anyhow") && !EDGES.contains(&manifest.name.as_str()) {
            found.push(Violation::of(&manifest.path, "a library's errors are thiserror enums, not anyhow"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(section: &str, package: &str) -> String {
        format!("[{section}]\n{package}.workspace = true\n")
    }

    #[test]
    fn an_arrow_that_points_up_is_caught_in_every_section() {
        let repo = Repo::of(&[
            ("crates/model/Cargo.toml", &manifest("dependencies", "argosy-engine")),
            ("crates/engine/Cargo.toml", &manifest("dependencies", "argosy-model")),
            ("crates/server/Cargo.toml", &manifest("dependencies", "argosy-workload")),
            ("crates/cli/Cargo.toml", &manifest("dev-dependencies", "argosy-lab")),
            ("crates/raft/Cargo.toml", &manifest("build-dependencies", "argosy-model")),
        ]);
        let paths: Vec<_> = arrows_point_down(&repo).into_iter().map(|violation| violation.path).collect();
        assert_eq!(paths, ["cli", "model", "raft", "server"].map(|name| format!("crates/{name}/Cargo.toml")));
    }

    #[test]
    fn a_crate_without_a_row_is_caught() {
        let found = arrows_point_down(&Repo::of(&[("crates/extras/Cargo.toml", "")]));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn the_graph_itself_has_no_cycle() {
        let mut below: BTreeSet<&str> = BTreeSet::new();
        for (name, uses) in MAY_USE {
            assert!(
                uses.iter().all(|other| below.contains(other)),
                "{name} uses a crate that stands below it in the table"
            );
            below.insert(name);
        }
    }

    #[test]
    fn a_wrapped_package_used_elsewhere_and_anyhow_in_a_library_are_caught() {
        let repo = Repo::of(&[
            ("crates/storage/Cargo.toml", &manifest("dependencies", "rocksdb")),
            ("crates/server/Cargo.toml", &manifest("dependencies", "openraft")),
            ("crates/cli/Cargo.toml", &manifest("dependencies", "anyhow")),
            ("crates/raft/Cargo.toml", &manifest("dependencies", "anyhow")),
        ]);
        let paths: Vec<_> = foreign_packages_stay_wrapped(&repo).into_iter().map(|violation| violation.path).collect();
        assert_eq!(paths, ["crates/raft/Cargo.toml", "crates/server/Cargo.toml"]);
    }
}
