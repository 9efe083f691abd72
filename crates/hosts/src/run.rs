//! One run: the network is laid once, each play gets a fleet of its own.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::HostsError;
use crate::network::Network;
use crate::plays::Play;
use crate::report::{Frames, PlayReport, Report};
use crate::stage::{REGIONS, Stage};

/// What is to be played.
#[derive(Clone, Debug)]
pub struct Options {
    /// The binary `argosy`.
    pub program: PathBuf,
    /// Where the fleets' files go, each play's in a folder of its own.
    pub dir: PathBuf,
    /// The plays.
    pub plays: Vec<Play>,
    /// How often a leader is struck in plays that measure; each play's own number without it.
    pub rounds: Option<usize>,
    /// Decides the workload, and which frames are lost.
    pub seed: u64,
    /// What the nodes log.
    pub log: String,
}

/// Plays everything, inside a cage. `each` hears of every play as it ends.
///
/// # Errors
/// When the network cannot be laid or a fleet cannot be started. What plays find is no error: it is in the report.
pub async fn run(options: &Options, each: impl Fn(&PlayReport)) -> Result<Report, HostsError> {
    let began = Instant::now();
    let mut report = Report { seed: options.seed, ..Report::default() };
    let network = Network::lay(&REGIONS.map(str::to_owned), options.seed)?;
    for play in &options.plays {
        let setting = match play.setting() {
            Ok(setting) => setting,
            Err(why) => {
                report.skipped.insert(play.name().to_owned(), why);
                continue;
            }
        };
        let (begun, frames) = (Instant::now(), network.counts());
        let dir = empty(&options.dir.join(play.name()))?;
        let mut stage = Stage::set(&network, options, &dir, setting).await?;
        play.play(&mut stage, options.rounds).await?;
        stage.heal_links();
        let verdict = stage.finish().await?;
        let frames = Frames::between(frames, network.counts());
        let played = PlayReport::new(play.name(), begun.elapsed(), frames, verdict);
        each(&played);
        report.plays.push(played);
    }
    report.wall_s = began.elapsed().as_secs_f64();
    Ok(report)
}

/// A folder with nothing in it: plays do not go on where others stopped.
fn empty(dir: &Path) -> Result<PathBuf, HostsError> {
    let failed = |error| argosy_localfleet::FleetError::io("empty", dir, &error);
    if dir.exists() {
        std::fs::remove_dir_all(dir).map_err(failed)?;
    }
    Ok(dir.to_owned())
}
