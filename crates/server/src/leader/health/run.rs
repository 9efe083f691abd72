//! The task that commits what has changed, and lets time pass where it matters.

use std::sync::Arc;

use argosy_desk::silence::fell_silent;
use argosy_health::Input;
use argosy_model::ShardTime;
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
        let now = committer.clock().now();
        health.desk().take_up(&view.state, now);
        health.silence().take_up(&view.state, now);
    }
    let mut last = Instant::now();
    loop {
        let due = next_deadline(&health).and_then(|due| committer.clock().when(due));
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
        let now = committer.clock().now();
        listen(&health, now);
        health.desk().advance(now);
        while !flush(&health).await {}
    }
}

/// When time alone changes something next.
fn next_deadline(health: &HealthDesk) -> Option<ShardTime> {
    let (finding, after) = {
        let desk = health.desk();
        (desk.next_deadline(), desk.silent_after())
    };
    let silence = after.and_then(|after| health.silence().next(after));
    finding.into_iter().chain(silence).min()
}

/// Tells the desk whose agents have fallen silent.
fn listen(health: &HealthDesk, now: ShardTime) {
    let Some(after) = health.desk().silent_after() else { return };
    let view = health.committer.view();
    let silent = health.silence().overdue(&view.state, after, now);
    let mut desk = health.desk();
    for machine in silent {
        tracing::warn!(shard = health.committer.shard(), machine, "nothing is heard of the machine's agent any more");
        if let Some(ward) = desk.ward(&view.state, &machine, now) {
            ward.watch.take(now, Input::Event(fell_silent(after)));
        }
        desk.touched(&machine);
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
