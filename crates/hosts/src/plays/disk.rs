//! The disk of a leader is full, and its node is started again on it. It may stop writing, hand over, or end: it must not acknowledge what it
//! cannot keep, and must come back to the same state once there is room.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::error::HostsError;
use crate::stage::Stage;

/// The size of each node's disk.
pub(super) const MEBIBYTES: u64 = 256;
/// How long the disk stays full, before and after the start.
const FULL: Duration = Duration::from_secs(6);
/// What fills it.
const BALLAST: &str = "ballast";

/// Fills the disk of the first shard's leader, and makes room again.
pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), HostsError> {
    let shards = stage.shards();
    let Some(before) = stage.standing(&shards[0]).await else { return Ok(()) };
    let ballast = stage.data(&before.leader).join(BALLAST);
    let fault = stage.strikes("full_disk", &before.leader);
    fill(&ballast);
    sleep(FULL).await;
    // RocksDB has set room aside for its log and may go on for a while. A start needs room at once.
    let struck = Instant::now();
    stage.fleet.kill(&before.leader).await?;
    stage.fleet.restart(&before.leader)?;
    stage.failover(&before, struck).await;
    sleep_until(struck + FULL).await;
    let room = std::fs::remove_file(&ballast);
    room.map_err(|error| argosy_localfleet::FleetError::io("remove", &ballast, &error))?;
    stage.ends(fault);
    // A node that cannot keep what it is told ends, and whoever supervises it starts it again.
    for node in stage.fleet.fallen().into_keys() {
        stage.fleet.restart(&node)?;
    }
    stage.settle().await;
    Ok(())
}

/// Writes until nothing more fits.
fn fill(path: &Path) {
    if let Ok(mut file) = File::create(path) {
        let block = vec![0xa5; 1 << 20];
        while file.write_all(&block).is_ok() {}
        while file.write_all(&block[..4_096]).is_ok() {}
    }
}
