//! The scenarios that ship with the simulator, and how one is found by its name or its file.

use super::ScenarioError;

/// A scenario that ships.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

impl Shipped {
    /// What it is about, in a line.
    pub fn about(&self) -> &'static str {
        self.text.lines().find_map(|line| line.strip_prefix("description: ")).unwrap_or_default()
    }
}

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        /// All of them, by name.
        pub const ALL: &[Shipped] =
            &[$(Shipped { name: $name, text: include_str!(concat!("../../scenarios/", $name, ".yaml")) }),+];
    };
}

shipped![
    "basic-fleet",
    "breaker-holds-an-outage",
    "cascades",
    "cordon-drain",
    "five-thousand-nodes",
    "gpu-failure",
    "high-failure",
    "quick-stress",
    "thousand-nodes",
    "xid-classification",
    "xid-comprehensive",
    "zone-outage",
];

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Shipped> {
    ALL.iter().find(|one| one.name == name)
}

/// What cannot be found, with what there is.
pub fn missing(name: &str, reason: &dyn std::fmt::Display) -> ScenarioError {
    let known: Vec<&str> = ALL.iter().map(|one| one.name).collect();
    ScenarioError::Missing { name: name.to_owned(), reason: reason.to_string(), known: known.join(", ") }
}
