//! Kills the leader of each shard in turn while the replay runs, and starts its node again.

use std::sync::Arc;
use std::time::Duration;

use argosy_localfleet::{FleetError, LocalFleet, Picture};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use super::ReplayError;

/// How long a killed node stays down.
const DOWN: Duration = Duration::from_secs(2);

/// A running killer.
pub(super) struct Killer {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<u64, FleetError>>,
}

impl Killer {
    pub(super) fn start(fleet: Arc<Mutex<LocalFleet>>, every: Duration) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(rounds(fleet, every, stopped)) }
    }

    /// Ends it after what it is at; gives the number of kills. All nodes are up then.
    pub(super) async fn stop(self) -> Result<u64, ReplayError> {
        self.stop.send_replace(true);
        match self.task.await {
            Ok(kills) => Ok(kills?),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

async fn rounds(
    fleet: Arc<Mutex<LocalFleet>>,
    every: Duration,
    mut stopped: watch::Receiver<bool>,
) -> Result<u64, FleetError> {
    let mut kills = 0;
    let mut turn = 0;
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(kills),
            () = tokio::time::sleep(every) => {}
        }
        let mut fleet = fleet.lock().await;
        let shard = fleet.blueprint().shards[turn % fleet.blueprint().shards.len()].id.clone();
        turn += 1;
        let picture = Picture::take(fleet.blueprint(), fleet.clients()).await;
        let Some(leader) = picture.leaders().get(shard.as_str()).map(|leader| (*leader).to_owned()) else { continue };
        fleet.kill(&leader).await?;
        kills += 1;
        tokio::time::sleep(DOWN).await;
        fleet.restart(&leader)?;
        fleet.wait_for_leaders(Duration::from_secs(60)).await?;
    }
}
