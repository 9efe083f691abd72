//! Files of sinks. Strict: a key that is not known is an error with its line and column, and every fault is told at once.

use serde::{Deserialize, Serialize};

use crate::sink::{Fault, Sink, repeated};

/// The version of the format.
pub const VERSION: u32 = 1;
/// Longest file, in bytes.
pub const MAX_BYTES: usize = 256 * 1_024;
/// Most sinks of a shard.
pub const MAX_SINKS: usize = 16;

/// All sinks of a shard. Append-only: it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkFile {
    /// The version of the format: 1.
    pub version: u32,
    /// The sinks.
    pub sinks: Vec<Sink>,
}

impl Default for SinkFile {
    fn default() -> Self {
        Self { version: VERSION, sinks: Vec::new() }
    }
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not in the form of a file of sinks.
    #[error("ARG-1400: {file}: {reason}; correct the file, docs/reference/notify.md has every key")]
    Form {
        /// What the file is called.
        file: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// Values in it make no sense.
    #[error("ARG-1401: {file}: {}", faults.join("; "))]
    Values {
        /// What the file is called.
        file: String,
        /// All of them, each with its sink and key.
        faults: Vec<String>,
    },
}

impl SinkFile {
    /// Reads a file; `file` is what messages call it.
    ///
    /// # Errors
    /// ARG-1400 with line and column, or ARG-1401 with every value that makes no sense.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let form = |reason: String| FileError::Form { file: file.to_owned(), reason };
        if text.len() > MAX_BYTES {
            return Err(form(format!("it has {} bytes, and {MAX_BYTES} are allowed", text.len())));
        }
        let options = serde_saphyr::options! { with_snippet: false };
        let read: Self = serde_saphyr::from_str_with_options(text, options).map_err(|error| form(error.to_string()))?;
        if read.version != VERSION {
            return Err(form(format!("it has version {}, this release reads version {VERSION}", read.version)));
        }
        let faults: Vec<String> = read.faults().iter().map(ToString::to_string).collect();
        if faults.is_empty() { Ok(read) } else { Err(FileError::Values { file: file.to_owned(), faults }) }
    }

    /// It as people write it.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(self).unwrap_or_else(|error| unreachable!("plain data is written as YAML: {error}"))
    }

    /// Everything in it that makes no sense.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.sinks.iter().flat_map(Sink::faults).collect();
        faults.extend(repeated(&self.sinks));
        if self.sinks.len() > MAX_SINKS {
            faults.push(Fault { sink: String::new(), key: "sinks", what: format!("at most {MAX_SINKS}") });
        }
        faults
    }

    /// What it allows that its author may not have meant.
    #[must_use]
    pub fn warnings(&self) -> Vec<Fault> {
        self.sinks.iter().flat_map(Sink::warnings).collect()
    }
}
