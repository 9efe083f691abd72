//! Leaders are killed: what a crash of the process, or of its machine with a disk that keeps its promises, costs.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::error::HostsError;
use crate::stage::Stage;

/// How long a killed node stays down at least.
const DOWN: Duration = Duration::from_secs(2);

/// Kills the leader of each shard in turn.
pub(super) async fn play(stage: &mut Stage<'_>, rounds: usize) -> Result<(), HostsError> {
    let shards = stage.shards();
    for round in 0..rounds {
        let Some(before) = stage.standing(&shards[round % shards.len()]).await else { return Ok(()) };
        let fault = stage.strikes("kill", &before.leader);
        let struck = Instant::now();
        stage.fleet.kill(&before.leader).await?;
        stage.failover(&before, struck).await;
        sleep_until(struck + DOWN).await;
        stage.fleet.restart(&before.leader)?;
        stage.ends(fault);
        stage.settle().await;
    }
    Ok(())
}
