//! The task that commits what has changed, and lets time pass where it matters.

use std::sync::Arc;

use argosy_shard::Command;
use futures::future::OptionFuture;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use super::HealthDesk;

/// Least time between two wake-ups by time alone.
const GAP: Duration = Duration::from_millis(50);
/// Before another try at a commit that failed while this node leads.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs until the leadership ends, which drops it.
pub(in crate::leader) async fn run(health: Arc<HealthDesk>) {
    let committer = &health.committer;
    let mut views = committer.replica().watch();
    {
        let view = views.borrow_and_update().clone();
        health.desk().take_up(&view.state, committer.clock().now());
    }
    let mut last = Instant::now();
    loop {
        let due = health.desk().next_deadline().and_then(|due| committer.clock().when(due));
        tokio::select! {
            () = health.wanted.notified() => {}
            // The replica outlives its leadership. A new policy comes with a view.
            _ = views.changed() => {
                let view = views.borrow_and_update().clone();
                health.desk().follow(&view.state);
            }
            Some(()) = OptionFuture::from(due.map(|due| sleep_until(due.max(last + GAP)))) => {}
        }
        last = Instant::now();
        health.desk().advance(committer.clock().now());
        while !flush(&health).await {}
    }
}

/// Commits one batch; whether nothing is left over.
async fn flush(health: &HealthDesk) -> bool {
    let committer = &health.committer;
    let batch = {
        let view = committer.view();
        health.desk().batch(&view.state, committer.clock().now())
    };
    let ticket = batch.ticket;
    let mut is_last = batch.is_last;
    if !batch.updates.is_empty() {
        match committer.commit(Command::Health(batch.updates.clone())).await {
            Ok(_) => {
                let view = committer.view();
                is_last &= health.desk().committed(&view.state, batch);
            }
            Err(error) => {
                tracing::warn!(shard = committer.shard(), %error, "what was found of machines' health was not committed");
                health.desk().failed(&batch);
                sleep(PAUSE).await;
                return false;
            }
        }
    }
    if is_last {
        health.logged.send_if_modified(|logged| {
            let is_news = *logged < ticket;
            *logged = ticket.max(*logged);
            is_news
        });
    }
    is_last
}
