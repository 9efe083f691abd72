//! The two scales of health: how a machine is, and what is to be done about it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a machine or a GPU is. Ordered: of several findings the worst one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Nothing is known against it.
    Healthy,
    /// Nothing has been heard of it, or a rule failed on something that was heard.
    #[default]
    Unknown,
    /// It works, and somebody should look.
    Degraded,
    /// It does not do its work.
    Unhealthy,
}

/// What is to be done. Ordered: each class includes the harm of those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionClass {
    /// Note it down.
    #[default]
    Observe,
    /// Restart the program that it hit; the machine stays supply.
    RestartWorkload,
    /// Drain what uses the GPU, and reset it.
    ResetGpu,
    /// Drain the machine, and reboot it.
    RebootHost,
    /// Drain the machine, and have somebody look at it; nothing is repaired automatically.
    Quarantine,
    /// Drain the machine, and give it back for another.
    Replace,
}

/// A word that names no health and no class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is none of {1}")]
pub struct UnknownWord(String, &'static str);

impl Health {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Healthy, "healthy"),
        (Self::Unknown, "unknown"),
        (Self::Degraded, "degraded"),
        (Self::Unhealthy, "unhealthy"),
    ];

    /// Its word in policies and on screens.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl ActionClass {
    /// All of them, mildest first.
    pub const ALL: [Self; 6] =
        [Self::Observe, Self::RestartWorkload, Self::ResetGpu, Self::RebootHost, Self::Quarantine, Self::Replace];

    /// Its word in policies and on screens.
    pub fn name(self) -> &'static str {
        ["observe", "restart-workload", "reset-gpu", "reboot-host", "quarantine", "replace"][self as usize]
    }

    /// Whether it takes the machine out of supply. What a user's program may have caused never does.
    pub fn condemns(self) -> bool {
        self >= Self::ResetGpu
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ActionClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Health {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|(_, name)| *name == word).map(|(health, _)| health);
        found.ok_or_else(|| UnknownWord(word.to_owned(), "healthy, unknown, degraded, unhealthy"))
    }
}

impl FromStr for ActionClass {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let words = "observe, restart-workload, reset-gpu, reboot-host, quarantine, replace";
        Self::ALL.into_iter().find(|class| class.name() == word).ok_or_else(|| UnknownWord(word.to_owned(), words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scales_are_ordered_as_their_words_say() {
        for pair in ActionClass::ALL.windows(2) {
            assert!(pair[0] < pair[1]);
        }
        let healths = [Health::Healthy, Health::Unknown, Health::Degraded, Health::Unhealthy];
        assert!(healths.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn every_word_reads_back() {
        for class in ActionClass::ALL {
            assert_eq!(class.name().parse(), Ok(class));
        }
        for (health, name) in Health::ALL {
            assert_eq!((health.name(), name.parse()), (name, Ok(health)));
        }
        assert!("fine".parse::<Health>().is_err() && "Replace".parse::<ActionClass>().is_err());
    }

    #[test]
    fn what_a_program_may_have_caused_never_condemns() {
        let condemning: Vec<_> = ActionClass::ALL.into_iter().filter(|class| class.condemns()).collect();
        assert_eq!(condemning, ActionClass::ALL[2..]);
    }
}
