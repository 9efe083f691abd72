//! What a command says on standard output.
//!
//! `println!` panics when the reader has gone, as in `argosy config reference | head`; that is no failure of ours.

use std::io::{self, Write as _};

use anyhow::Result;

/// Writes `text` and a line break.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// Writes text that ends its own lines.
pub(crate) fn text(text: impl std::fmt::Display) -> Result<()> {
    Ok(write!(io::stdout().lock(), "{text}")?)
}

/// Writes `value` as JSON, indented, and a line break.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Whether a command failed only because nobody reads its output any more.
pub(crate) fn reader_has_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
