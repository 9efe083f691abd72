//! Whether this node hears any other one. Sessions that were let in here and are served elsewhere must know: their operators are better off
//! with another node.

use std::time::Duration;

use argosy_raft::Host;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::start::cancellable;
use crate::config::Config;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Watches for silence until the node stops. A node without peers has nobody to hear.
pub(super) fn watch(
    host: &Host,
    config: &Config,
    work: &TaskTracker,
    stopping: &CancellationToken,
) -> watch::Receiver<bool> {
    let (teller, told) = watch::channel(false);
    if config.peers.is_empty() {
        return told;
    }
    let host = host.clone();
    let look = async move {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let silent = host.hears_nobody();
            let changed = teller.send_if_modified(|was| std::mem::replace(was, silent) != silent);
            if changed && silent {
                tracing::warn!("no other node is heard; sessions that are served elsewhere are sent away");
            }
        }
    };
    work.spawn(cancellable(look, stopping.clone()));
    told
}
