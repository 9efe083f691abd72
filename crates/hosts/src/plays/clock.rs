//! The clock of a leader jumps two hours ahead and, later, back. Its monotonic clock does not, as when somebody sets the time of a machine.
//! Nothing may come of it: what lasts is measured by monotonic time, and what is kept by the shard's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use argosy_localfleet::{FleetError, Layout};
use tokio::time::sleep;

use crate::error::HostsError;
use crate::stage::Stage;

/// How far it jumps.
const AHEAD_S: i64 = 2 * 3_600;
/// How long it stays there, and how long it is watched afterwards.
const STAYS: Duration = Duration::from_secs(8);
/// A clock costs no shard its service for longer than this.
const UNHURT: Duration = Duration::from_secs(5);
/// Where Debian keeps the library, but for the architecture.
const LIBRARIES: &str = "/usr/lib";

/// Lets the clock of the first shard's leader jump.
pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), HostsError> {
    let shards = stage.shards();
    let Some(before) = stage.standing(&shards[0]).await else { return Ok(()) };
    let clock = file(stage.fleet.layout(), &before.leader);
    let fault = stage.strikes("clock_jump", &format!("{} by {AHEAD_S} s", before.leader));
    set(&clock, AHEAD_S)?;
    sleep(STAYS).await;
    set(&clock, 0)?;
    stage.ends(fault);
    sleep(STAYS).await;
    let longest = stage.books.history().gaps(UNHURT);
    for gap in longest {
        let detail = format!("{} answered nobody for {:.1} s", gap.shard, (gap.to - gap.from).as_secs_f64());
        stage.broke("a clock that jumps hurts nobody", &detail);
    }
    stage.settle().await;
    Ok(())
}

/// The library that answers for the system's clock, if it is installed.
pub(super) fn library() -> Option<PathBuf> {
    let architectures = std::fs::read_dir(LIBRARIES).ok()?.flatten();
    architectures.map(|found| found.path().join("faketime/libfaketime.so.1")).find(|path| path.exists())
}

/// Where the offset of a node's clock is written.
pub(crate) fn file(layout: &Layout, node: &str) -> PathBuf {
    layout.root().join("nodes").join(format!("{node}.clock"))
}

/// Sets by how much a clock is off.
pub(crate) fn set(file: &Path, offset_s: i64) -> Result<(), HostsError> {
    // Renamed into place: a node that reads half of it would jump elsewhere.
    let next = file.with_extension("clock-next");
    let written = std::fs::write(&next, format!("{offset_s:+}s\n")).and_then(|()| std::fs::rename(&next, file));
    Ok(written.map_err(|error| FleetError::io("write", file, &error))?)
}

/// What a node's environment needs for its clock to follow that file within a second.
pub(crate) fn environment(library: &Path, file: &Path) -> Vec<(String, String)> {
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
