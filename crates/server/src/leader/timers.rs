//! Ticks: the fold's timers are due at a moment of shard time, and somebody has to tell it that the moment has come.
//!
//! Nothing is written while no timer is due, so an idle shard costs nothing.

use std::sync::Arc;

use argosy_failpoint::{Failpoint, fires, pause};
use argosy_shard::Command;
use futures::future::OptionFuture;
use tokio::time::{Duration, Instant, sleep_until};

use super::commit::Committer;

/// Least time between two ticks, whatever the timers ask.
const GAP: Duration = Duration::from_millis(50);

/// How late a tick may be at a failpoint.
const LATE: Duration = Duration::from_secs(3);

/// Ticks until the leadership ends, which drops it.
pub(super) async fn run(committer: Arc<Committer>) {
    let mut views = committer.replica().watch();
    let mut last = Instant::now();
    loop {
        let due = views.borrow_and_update().state.next_deadline().and_then(|due| committer.clock().when(due));
        let due = due.map(|due| due.max(last + GAP));
        tokio::select! {
            // The replica outlives its leadership.
            _ = views.changed() => if fires(Failpoint::TickIdle) {
                // What becomes of a tick that nobody needs does not matter.
                let _ = committer.commit(Command::Tick).await;
            },
            Some(()) = OptionFuture::from(due.map(sleep_until)) => {
                if let Some(pause) = pause(Failpoint::TickLate, LATE) {
                    tokio::time::sleep(pause).await;
                }
                last = Instant::now();
                if let Err(error) = committer.commit(Command::Tick).await {
                    tracing::debug!(shard = committer.shard(), %error, "a tick was not committed");
                }
            }
        }
    }
}
