//! Every node in turn is asked to end and started again, as an upgrade does. Each hands its shards over first.

use tokio::time::Instant;

use crate::error::HostsError;
use crate::stage::Stage;

/// Restarts all nodes, one after the other.
pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), HostsError> {
    for node in stage.nodes() {
        let led = stage.led_by(&node).await;
        let fault = stage.strikes("rolling_restart", &node);
        let struck = Instant::now();
        if !stage.fleet.terminate(&node).await? {
            stage.broke("a node ends when asked", &format!("{node} had to be killed"));
        }
        if let Some(before) = led {
            stage.failover(&before, struck).await;
        }
        stage.fleet.restart(&node)?;
        stage.ends(fault);
        stage.settle().await;
    }
    Ok(())
}
