//! Pool files, and the form that they have in common with files of lanes and of consolidation. Strict: a key that is not known is an
//! error with its line and column, and every fault is told at once.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Specification;

/// The version of the format.
pub const VERSION: u32 = 1;
/// Most pools in one file.
pub const MAX_POOLS: usize = 1_000;
/// Longest file, in bytes.
pub const MAX_BYTES: usize = 4 * 1_024 * 1_024;

/// What a file of a form says.
pub(crate) trait Form: Serialize + DeserializeOwned {
    /// The version of the format that it was written in.
    fn version(&self) -> u32;

    /// Everything in it that makes no sense.
    fn faults(&self) -> Vec<String>;
}

/// Reads a file; `file` is what messages call it.
pub(crate) fn read<F: Form>(file: &str, text: &str) -> Result<F, FileError> {
    let form = |reason: String| FileError::Form { file: file.to_owned(), reason };
    if text.len() > MAX_BYTES {
        return Err(form(format!("it has {} bytes, and {MAX_BYTES} are allowed", text.len())));
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let read: F = serde_saphyr::from_str_with_options(text, options).map_err(|error| form(error.to_string()))?;
    if read.version() != VERSION {
        return Err(form(format!("it has version {}, this release reads version {VERSION}", read.version())));
    }
    let faults = read.faults();
    if faults.is_empty() { Ok(read) } else { Err(FileError::Values { file: file.to_owned(), faults }) }
}

/// A file as people write it.
pub(crate) fn write(file: &impl Form) -> String {
    serde_saphyr::to_string(file).unwrap_or_else(|error| unreachable!("plain data is written as YAML: {error}"))
}

/// A file of pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolFile {
    /// The version of the format: 1.
    pub version: u32,
    /// The pools.
    pub pools: Vec<Specification>,
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not in the form of a pool file.
    #[error("ARG-1200: {file}: {reason}; correct the file, docs/reference/pools.md and lanes.md have every key")]
    Form {
        /// What the file is called.
        file: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// Values in it make no sense.
    #[error("ARG-1201: {file}: {}", faults.join("; "))]
    Values {
        /// What the file is called.
        file: String,
        /// All of them, each with the pool and the key.
        faults: Vec<String>,
    },
}

impl PoolFile {
    /// A file of one pool.
    #[must_use]
    pub fn of(pool: Specification) -> Self {
        Self { version: VERSION, pools: vec![pool] }
    }

    /// Reads a file; `file` is what messages call it.
    ///
    /// # Errors
    /// ARG-1200 with line and column, or ARG-1201 with every value that makes no sense.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        read(file, text)
    }

    /// The file as people write it.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        write(self)
    }
}

impl Form for PoolFile {
    fn version(&self) -> u32 {
        self.version
    }

    fn faults(&self) -> Vec<String> {
        let of_pool = |pool: &Specification| {
            pool.faults().into_iter().map(|fault| format!("pool {:?}: {fault}", pool.name)).collect::<Vec<_>>()
        };
        let mut faults: Vec<String> = self.pools.iter().flat_map(of_pool).collect();
        if self.pools.len() > MAX_POOLS {
            faults.push(format!("a file has at most {MAX_POOLS} pools"));
        }
        let mut names = BTreeSet::new();
        let twice = self.pools.iter().filter(|pool| !names.insert(&pool.name));
        faults.extend(twice.map(|pool| format!("pool {:?} is there twice", pool.name)));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../tests/pools.yaml");

    #[test]
    fn a_file_is_read_and_written_and_read_again() {
        let read = PoolFile::parse("pools.yaml", GOOD).expect("it is sound");
        assert_eq!(read.pools.len(), 3);
        assert_eq!(PoolFile::parse("again.yaml", &read.to_yaml()), Ok(read));
    }

    #[test]
    fn a_specification_reads_back_from_the_log_as_it_was_written() {
        for pool in PoolFile::parse("pools.yaml", GOOD).expect("it is sound").pools {
            let bytes = postcard::to_stdvec(&pool).expect("plain data");
            assert_eq!(postcard::from_bytes(&bytes), Ok(pool));
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_line_and_column() {
        for (right, wrong, place) in [
            ("  - name: training", "  - nmae: training", "line 3"),
            ("scale_up_at_percent: 85", "scale_up_at: 85", "line 13"),
            ("down: 10m", "dwon: 10m", "line 19"),
        ] {
            assert!(GOOD.contains(right), "{right}");
            let error = PoolFile::parse("pools.yaml", &GOOD.replacen(right, wrong, 1)).expect_err(wrong).to_string();
            let told = error.starts_with("ARG-1200: pools.yaml: ") && error.contains(place) && error.contains("column");
            assert!(told, "{error}");
        }
    }

    #[test]
    fn every_value_that_makes_no_sense_is_told_at_once() {
        let wrong =
            GOOD.replace("min: 2\n", "min: 200\n").replace("scale_down_at_percent: 30", "scale_down_at_percent: 90");
        let error = PoolFile::parse("pools.yaml", &wrong).expect_err("unsound").to_string();
        for told in ["ARG-1201", "`min`: it is above `max`", "autoscaler.reactive.scale_down_at_percent"] {
            assert!(error.contains(told), "{told}: {error}");
        }
    }

    #[test]
    fn a_file_too_long_for_a_call_is_refused_with_its_length() {
        let long = format!("{GOOD}# {}", " ".repeat(MAX_BYTES));
        let error = PoolFile::parse("pools.yaml", &long).expect_err("too long").to_string();
        assert!(error.starts_with("ARG-1200: pools.yaml: it has ") && error.contains("4194304 are allowed"), "{error}");
    }

    #[test]
    fn a_day_that_is_none_is_a_load_error_with_its_line() {
        let error = PoolFile::parse("pools.yaml", &GOOD.replace("mon, tue", "mon, tuesady")).expect_err("no day");
        let text = error.to_string();
        assert!(text.contains("tuesady") && text.contains("line "), "{text}");
    }
}
