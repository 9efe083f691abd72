//! What is wrong with a trace file: every bad row at once, as far as anybody would read them.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Bad rows told one by one; the rest is counted.
pub const MOST_TOLD: usize = 50;

/// Why a trace cannot be used.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("ARG-0910: cannot read {}: {source}. Give the path of a trace file that you may read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A column is missing from the header.
    #[error("ARG-0911: {}:1: the header lacks {missing}. A file of {what} has the columns {required}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What the file should hold.
        what: &'static str,
        /// The columns that are missing.
        missing: String,
        /// The columns that there must be.
        required: String,
    },
    /// Rows are bad and nobody said to skip them.
    #[error("ARG-0912: {0}\nCorrect them, or run with --skip-bad-rows to leave them out and count them")]
    BadRows(BadRows),
    /// A look-alike or a result cannot be written.
    #[error("ARG-0913: cannot write {}: {source}. Give a directory that you may write to", path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder holds no trace.
    #[error(
        "ARG-1330: {} holds no trace: {missing} is not there. Give a folder with {wanted}", folder.display()
    )]
    NoTrace {
        /// The folder.
        folder: PathBuf,
        /// What is missing.
        missing: &'static str,
        /// What a folder of a trace holds.
        wanted: &'static str,
    },
    /// Nothing is left to lay out.
    #[error("ARG-1332: the trace has no {0}. Keep a larger share of it, or give another file")]
    Empty(&'static str),
    /// There is no such variant of the trace.
    #[error("ARG-1331: there is no variant '{variant}' in {}; there are: {known}", folder.display())]
    NoVariant {
        /// The folder.
        folder: PathBuf,
        /// What was asked for.
        variant: String,
        /// What there is.
        known: String,
    },
    /// A table of statistics is not one.
    #[error(
        "ARG-0914: {file} is not a table of trace statistics: {reason}. `argosy-lab trace stats --toml` writes one"
    )]
    Marginals {
        /// The file.
        file: String,
        /// What is wrong and where.
        reason: String,
    },
}

/// One bad field of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1; the header is line 1.
    pub line: u64,
    /// Column in bytes, from 1: where the bad field begins.
    pub column: usize,
    /// The header of the field; empty when the row as a whole is bad.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.path.display(), self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{} ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// All bad rows of a trace. Rows are counted once, however many of their fields are bad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadRows {
    /// The first [`MOST_TOLD`] bad fields, in file order.
    pub told: Vec<BadRow>,
    /// Rows with at least one bad field.
    pub rows: u64,
    /// Bad fields.
    pub fields: u64,
}

impl BadRows {
    /// Adds the bad fields of one row; none if the row is good.
    pub(super) fn add_row(&mut self, fields: Vec<BadRow>) {
        self.rows += u64::from(!fields.is_empty());
        self.fields += fields.len() as u64;
        let room = MOST_TOLD - self.told.len();
        self.told.extend(fields.into_iter().take(room));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The bad rows of two files.
    pub fn joined(mut self, other: Self) -> Self {
        let room = MOST_TOLD - self.told.len();
        self.told.extend(other.told.into_iter().take(room));
        self.rows += other.rows;
        self.fields += other.fields;
        self
    }
}

impl fmt::Display for BadRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad rows: {}", self.rows)?;
        for bad in &self.told {
            write!(f, "\n  {bad}")?;
        }
        match self.fields - self.told.len() as u64 {
            0 => Ok(()),
            rest => write!(f, "\n  and {rest} more"),
        }
    }
}
