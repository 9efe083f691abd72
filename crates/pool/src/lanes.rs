//! What holds for lanes: a provider's machines of one instance type in one region. Quotas, and when a breaker opens.
//!
//! Only what people say stands here. How a lane stands, and what it may take, is the fold's (`argosy_shard::lanes`): it counts
//! what the log knows, on every replica alike.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::file::{FileError, Form, VERSION, read, write};
use crate::scalar::Span;
use crate::specification::{Fault, MAX_MACHINES};

/// Most quotas of one shard.
pub const MAX_QUOTAS: usize = 1_000;
/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Quotas and breakers of a shard's lanes. Append-only: it lies in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LanePolicy {
    /// When a lane's breaker opens, and for how long.
    pub breaker: Breaker,
    /// Most machines that there may be, by lane or by part of a lane's name.
    pub quotas: Vec<Quota>,
}

/// When a lane's breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// After so many refused creations in a row; 0 is never.
    pub after: u32,
    /// For so long at first; twice as long each further time in a row.
    pub first: Span,
    /// For so long at most.
    pub longest: Span,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { after: 5, first: Span::minutes(1), longest: Span::minutes(30) }
    }
}

/// Most machines of a provider, of all regions and types or of some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// The provider, by its name in the configuration.
    pub provider: String,
    /// Of this region only; of all together if left out.
    #[serde(default)]
    pub region: Option<String>,
    /// Of this instance type only; of all together if left out.
    #[serde(default)]
    pub instance_type: Option<String>,
    /// So many at most, those on their way in and out included.
    pub machines: u32,
}

/// A file of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LaneFile {
    version: u32,
    #[serde(default)]
    breaker: Breaker,
    #[serde(default)]
    quotas: Vec<Quota>,
}

impl Form for LaneFile {
    fn version(&self) -> u32 {
        self.version
    }

    fn faults(&self) -> Vec<String> {
        let policy = LanePolicy { breaker: self.breaker, quotas: self.quotas.clone() };
        policy.faults().iter().map(ToString::to_string).collect()
    }
}

impl LanePolicy {
    /// Reads a file; `file` is what messages call it.
    ///
    /// # Errors
    /// ARG-1200 with line and column, or ARG-1201 with every value that makes no sense.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        read(file, text).map(|LaneFile { breaker, quotas, .. }| Self { breaker, quotas })
    }

    /// The file as people write it.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        write(&LaneFile { version: VERSION, breaker: self.breaker, quotas: self.quotas.clone() })
    }

    /// Everything in it that makes no sense.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut check = |fine: bool, path: &str, what: &str| {
            if !fine {
                faults.push(Fault::new(path, what));
            }
        };
        let Breaker { first, longest, .. } = self.breaker;
        check(first.0.0 > 0, "breaker.first", "a breaker that is open for no time holds nothing back");
        check(first <= longest, "breaker.longest", "it is shorter than `first`");
        check(self.quotas.len() <= MAX_QUOTAS, "quotas", "a shard has at most 1,000 quotas");
        let mut seen = BTreeSet::new();
        for (at, quota) in self.quotas.iter().enumerate() {
            let path = format!("quotas[{at}]");
            let names = quota.region.iter().chain(&quota.instance_type).chain([&quota.provider]);
            let is_name = |name: &String| !name.is_empty() && name.len() <= MAX_NAME_BYTES;
            check(names.into_iter().all(is_name), &path, "a name is empty or longer than 256 bytes");
            check(quota.machines <= MAX_MACHINES, &path, "`machines` is above 1,000,000");
            let is_new = seen.insert((&quota.provider, &quota.region, &quota.instance_type));
            check(is_new, &path, "there is another quota for the same");
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "version: 1\nbreaker: {after: 3, first: 30s}\nquotas:\n  - {provider: aws, machines: 40}\n  \
                        - {provider: aws, region: us-east-1, instance_type: p5.48xlarge, machines: 8}\n";

    #[test]
    fn a_file_of_lanes_is_read_and_written_and_read_again() {
        let read = LanePolicy::parse("lanes.yaml", FILE).expect("it is sound");
        assert_eq!((read.breaker.after, read.breaker.longest, read.quotas.len()), (3, Span::minutes(30), 2));
        assert_eq!(LanePolicy::parse("again.yaml", &read.to_yaml()), Ok(read));
    }

    #[test]
    fn an_unknown_key_and_a_value_without_sense_are_told() {
        let form = LanePolicy::parse("l", &FILE.replace("after", "atfer")).expect_err("unknown").to_string();
        assert!(form.contains("ARG-1200") && form.contains("line 2"), "{form}");
        let text = FILE.replace("30s", "2h").replace("us-east-1, instance_type: p5.48xlarge", "\"\"");
        let values = LanePolicy::parse("l", &text).expect_err("unsound").to_string();
        assert!(values.contains("breaker.longest") && values.contains("quotas[1]"), "{values}");
        let twice = FILE.replace("region: us-east-1, instance_type: p5.48xlarge, ", "");
        assert!(LanePolicy::parse("l", &twice).expect_err("twice").to_string().contains("another quota"));
    }
}
