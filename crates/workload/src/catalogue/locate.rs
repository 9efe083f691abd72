//! Where in a file a problem stands, and the errors of the catalogue.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

/// Why a catalogue cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CatalogueError {
    /// No catalogue of this name ships.
    #[error("ARG-0901: there is no catalogue '{name}'. Take one of: {known}; or give the path of a file of your own")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The file breaks the form.
    #[error("ARG-0902: {file} is not a valid catalogue. Correct these places:\n{}", list(.problems))]
    Invalid {
        /// The file.
        file: String,
        /// What is wrong with it, in file order.
        problems: Vec<Problem>,
    },
}

/// One thing wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem at a byte range of `text`.
    pub(super) fn at(text: &str, span: &Range<usize>, message: String) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
    lines.join("\n")
}
