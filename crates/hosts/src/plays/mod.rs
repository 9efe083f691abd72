//! What is played: one way of breaking things a file, each against a fleet of its own.

pub(crate) mod clock;
mod disk;
mod kill;
mod links;
mod pause;
mod restart;

use std::path::PathBuf;
use std::time::Duration;

use crate::error::HostsError;
use crate::stage::{Setting, Stage};

/// One way between regions where nothing else is said.
const NEARBY: Duration = Duration::from_millis(2);
/// One way between regions that are 80 ms of round trip apart.
const FAR: Duration = Duration::from_millis(40);

/// A play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
    /// Leaders are killed with SIGKILL, and started again.
    Kill,
    /// Leaders are stopped where they stand with SIGSTOP, and go on later.
    Pause,
    /// The region of a leader is cut off from the others, over links of 80 ms; the provider and its clients still reach it.
    RegionCut,
    /// A leader hears the others and is not heard, or is heard and hears nothing.
    OneWay,
    /// One frame in ten between regions is lost.
    Loss,
    /// The disk of a leader is full.
    FullDisk,
    /// The clock of a leader jumps two hours, and back.
    ClockJump,
    /// Every node in turn is asked to end and started again.
    RollingRestart,
}

impl Play {
    /// Every play.
    pub const ALL: [Self; 8] = [
        Self::Kill,
        Self::Pause,
        Self::RegionCut,
        Self::OneWay,
        Self::Loss,
        Self::FullDisk,
        Self::ClockJump,
        Self::RollingRestart,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::RegionCut => "region-cut",
            Self::OneWay => "one-way",
            Self::Loss => "loss",
            Self::FullDisk => "full-disk",
            Self::ClockJump => "clock-jump",
            Self::RollingRestart => "rolling-restart",
        }
    }

    /// The play of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|play| play.name() == name)
    }

    /// What it is played on.
    ///
    /// # Errors
    /// Why it cannot be played here.
    pub(crate) fn setting(self) -> Result<Setting, String> {
        let nearby = Setting { one_way: NEARBY, ..Setting::default() };
        Ok(match self {
            Self::RegionCut => Setting { one_way: FAR, ..nearby },
            Self::FullDisk => Setting { small_disk_mib: Some(disk::MEBIBYTES), ..nearby },
            Self::ClockJump => Setting { faketime: Some(library()?), ..nearby },
            _ => nearby,
        })
    }

    /// Plays it; what it measures and finds stays with the stage.
    pub(crate) async fn play(self, stage: &mut Stage<'_>, rounds: Option<usize>) -> Result<(), HostsError> {
        match self {
            Self::Kill => kill::play(stage, rounds.unwrap_or(12)).await,
            Self::Pause => pause::play(stage, rounds.unwrap_or(3)).await,
            Self::RegionCut => links::cut(stage, rounds.unwrap_or(12)).await,
            Self::OneWay => links::one_way(stage, rounds.unwrap_or(4)).await,
            Self::Loss => links::loss(stage).await,
            Self::FullDisk => disk::play(stage).await,
            Self::ClockJump => clock::play(stage).await,
            Self::RollingRestart => restart::play(stage).await,
        }
    }
}

/// The library that lets a process's clock jump.
fn library() -> Result<PathBuf, String> {
    clock::library().ok_or_else(|| "libfaketime is not installed (`scripts/setup.sh hosts`)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_play_is_found_by_its_name() {
        for play in Play::ALL {
            assert_eq!(Play::named(play.name()), Some(play));
        }
        assert_eq!(Play::named("tea"), None);
    }
}
