//! What is done to an unfit machine. The words are those of health policies, as far as they take a machine out of supply.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is done to a machine, mildest first. Append-only: it lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Its GPUs are reset.
    ResetGpu,
    /// It is rebooted.
    RebootHost,
    /// It is kept, out of supply, until somebody has looked at it.
    Quarantine,
    /// It is given back for another.
    Replace,
}

/// A word that names no repair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no repair; write reset-gpu, reboot-host, quarantine or replace")]
pub struct UnknownClass(String);

impl Class {
    /// All of them, mildest first.
    pub const ALL: [Self; 4] = [Self::ResetGpu, Self::RebootHost, Self::Quarantine, Self::Replace];

    /// Its word in policies and on screens.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["reset-gpu", "reboot-host", "quarantine", "replace"][self as usize]
    }

    /// Whether the machine's agent is asked to do something.
    #[must_use]
    pub fn acts(self) -> bool {
        self < Self::Quarantine
    }

    /// What comes after it where nothing else is said, when it did not help.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::ResetGpu => Self::RebootHost,
            Self::RebootHost | Self::Quarantine => Self::Quarantine,
            Self::Replace => Self::Replace,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Class {
    type Err = UnknownClass;

    fn from_str(word: &str) -> Result<Self, UnknownClass> {
        Self::ALL.into_iter().find(|class| class.name() == word).ok_or_else(|| UnknownClass(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_the_scale_is_ordered() {
        for class in Class::ALL {
            assert_eq!(class.name().parse(), Ok(class));
            assert!(class.next() >= class);
        }
        assert!(Class::ALL.is_sorted() && "restart-workload".parse::<Class>().is_err());
    }
}
