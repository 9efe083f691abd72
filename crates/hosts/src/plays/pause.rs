//! Leaders are stopped where they stand and go on later, believing that no time has passed: what a hypervisor or a swap storm does.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::error::HostsError;
use crate::stage::Stage;

/// How long a leader stands still at least: long enough for another to take over.
const STILL: Duration = Duration::from_secs(8);

/// Pauses the leader of each shard in turn.
pub(super) async fn play(stage: &mut Stage<'_>, rounds: usize) -> Result<(), HostsError> {
    let shards = stage.shards();
    for round in 0..rounds {
        let Some(before) = stage.standing(&shards[round % shards.len()]).await else { return Ok(()) };
        let fault = stage.strikes("pause", &before.leader);
        let struck = Instant::now();
        stage.fleet.pause(&before.leader)?;
        stage.failover(&before, struck).await;
        sleep_until(struck + STILL).await;
        stage.fleet.resume(&before.leader)?;
        stage.ends(fault);
        stage.settle().await;
    }
    Ok(())
}
