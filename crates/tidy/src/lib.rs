//! Style kept by a test instead of by memory.
//!
//! Each module under [`rules`] is one rule over the text of the repository: a function from [`Repo`] to the [`Violation`]s it
//! found, with a self-test beside it that feeds it a bad sample. `tests/tidy.rs` runs every rule over the real repository.
//!
//! The rules read text and manifests; they build nothing, load no crate of ours and know no compiler. What clippy and rustfmt
//! can check is left to them. The numbers in here only ever tighten.

pub mod code;
pub mod manifest;
pub mod repo;
pub mod rules;

pub use code::Code;
pub use repo::{File, Repo};

use std::fmt;

/// One place that breaks a rule, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path from the root of the repository.
    pub path: String,
    /// Line, counted from one; zero speaks of the whole file.
    pub line: usize,
    /// What is wrong and what mends it.
    pub message: String,
}

impl Violation {
    /// A violation at one line of a file.
    pub fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }

    /// A violation of a file as a whole.
    pub fn of(path: &str, message: impl Into<String>) -> Self {
        Self::at(path, 0, message)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}
