//! The disk of a leader is full. Its node may stop writing, hand over, or end: it must not acknowledge what it cannot keep, and must come back
//! to the same state once there is room.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::error::HostsError;
use crate::stage::Stage;

/// The size of each node's disk.
pub(super) const MEBIBYTES: u64 = 256;
/// How long the disk stays full at least.
const FULL: Duration = Duration::from_secs(10);
/// What fills it.
const BALLAST: &str = "ballast";

/// Fills the disk of the first shard's leader, and makes room again.
pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), HostsError> {
    let shards = stage.shards();
    let Some(before) = stage.standing(&shards[0]).await else { return Ok(()) };
    let ballast = stage.data(&before.leader).join(BALLAST);
    let fault = stage.strikes("full_disk", &before.leader);
    let struck = Instant::now();
    fill(&ballast);
    stage.failover(&before, struck).await;
    sleep_until(struck + FULL).await;
    let room = std::fs::remove_file(&ballast);
    room.map_err(|error| argosy_localfleet::FleetError::io("remove", &ballast, &error))?;
    stage.ends(fault);
    // A node that cannot keep what it is told ends, and whoever supervises it starts it again.
    if stage.fleet.fallen().contains_key(&before.leader) {
        stage.fleet.restart(&before.leader)?;
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
