//! What can be wrong with a scenario file.

use std::fmt;

/// A value that makes no sense, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// The key, from the top down, as in `events[3].target`.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.line, self.column, self.path, self.what)
    }
}

/// Why a scenario cannot be run. Each says where.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is not the YAML that a scenario is: a syntax error, a key that does not exist, a value of another type.
    #[error("ARG-1310: {file}: {reason}")]
    Form {
        /// What the file is called.
        file: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// Values that make no sense, or do not fit one another; all of them.
    #[error("ARG-1311: {}", told(.file, .faults))]
    Values {
        /// What the file is called.
        file: String,
        /// What is wrong, in the order of the file.
        faults: Vec<Fault>,
    },
    /// There is no such file, and no scenario of that name.
    #[error("ARG-1312: there is no scenario file '{name}' ({reason}), and none of that name ships; these do: {known}")]
    Missing {
        /// What was asked for.
        name: String,
        /// Why it cannot be read.
        reason: String,
        /// What ships.
        known: String,
    },
}

fn told(file: &str, faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| format!("{file}:{fault}")).collect();
    lines.join("\n")
}
