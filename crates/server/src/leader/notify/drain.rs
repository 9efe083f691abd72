//! Before a machine of a pool is drained at its provider, its workload system is asked whether it still runs something there.

use std::sync::Arc;

use argosy_model::ShardTime;
use argosy_notify::Sink;
use argosy_shard::Call;
use tokio::time::{Duration, Instant, sleep_until};

use super::Notifier;
use crate::replica::View;

/// So long before the drain's own end the provider must have been called.
const MARGIN: Duration = Duration::from_secs(60);

impl Notifier {
    /// Returns when every sink that is asked about the pool has been told of the drain and says that the machine is drained; or when the
    /// time for that is over, or the operation is another's by now.
    pub(in crate::leader) async fn drained(&self, call: &Call, pool: &str) {
        let view = self.committer.view();
        let asked: Vec<Arc<Sink>> = asked(&view, pool).collect();
        let Some(ends) = self.ends(&view, call, &asked) else { return };
        let mut views = self.committer.replica().watch();
        for sink in asked {
            loop {
                let view = views.borrow_and_update().clone();
                if !is_current(&view, call) {
                    return;
                }
                let outbox = view.state.outbox();
                let owes = |name: &str| {
                    outbox.sink(name).is_some_and(|kept| outbox.owes_drain(kept, call.operation.index, &call.machine))
                };
                // An answer from before the question whether would be about the work that is still to be stopped.
                if !owes(&sink.name) && self.says_drained(&sink, &call.machine).await {
                    break;
                }
                let again = Instant::now() + Duration::from_millis(sink.poll_every.0.0);
                sleep_until(again.min(ends)).await;
                if Instant::now() >= ends {
                    let (shard, machine, sink) = (self.committer.shard(), &call.machine, &sink.name);
                    tracing::warn!(
                        shard,
                        machine,
                        sink,
                        "ARG-1406: a workload system did not say in time that a machine is drained; it is drained all the same"
                    );
                    return;
                }
            }
        }
    }

    /// When the longest wait of the sinks is over, or the operation nearly is.
    fn ends(&self, view: &View, call: &Call, asked: &[Arc<Sink>]) -> Option<Instant> {
        let longest = asked.iter().map(|sink| sink.drain_within.0).max()?;
        let operation = view.state.ledger().get(call.operation)?;
        let clock = self.committer.clock();
        let margin = u64::try_from(MARGIN.as_millis()).unwrap_or(u64::MAX);
        let patience = operation.decided_at.plus(longest);
        let latest = ShardTime(operation.deadline.0.saturating_sub(margin));
        clock.when(patience.min(latest))
    }

    async fn says_drained(&self, sink: &Sink, machine: &str) -> bool {
        match self.post.ask_drained(sink, machine).await {
            Ok(status) => status.drained,
            Err(why) => {
                let shard = self.committer.shard();
                tracing::info!(
                    shard,
                    machine,
                    sink = sink.name,
                    why,
                    "a workload system does not say whether a machine is drained"
                );
                false
            }
        }
    }
}

fn asked<'a>(view: &'a View, pool: &'a str) -> impl Iterator<Item = Arc<Sink>> + 'a {
    let sinks = view.state.outbox().sinks();
    sinks.filter(move |kept| kept.sink.is_asked_of(pool)).map(|kept| Arc::clone(&kept.sink))
}

fn is_current(view: &View, call: &Call) -> bool {
    let current = view.state.call(call.operation);
    current.is_some_and(|now| now.attempt == call.attempt && now.fence == call.fence)
}
