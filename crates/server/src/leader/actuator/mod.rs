//! The actuator: carries out committed attempts, and commits what comes of them.
//!
//! Bounded concurrency over machines, one call at a time on a machine, a time limit on every call. A drain that waits for whoever uses its
//! machine holds up nobody: there is one at most for each operation of the ledger, and it takes its turn once it may be called. Outcomes are
//! gathered while the last batch is being committed, so that many calls cost one entry. It decides nothing and retries nothing: a retry
//! is a new attempt, and that is for the log.
//!
//! Everything of it lives in one future: when the leadership ends it is dropped with every call in its hands, and what a
//! provider may still execute of them has an older fence than anything the next leader does.

mod carry;
mod hands;
mod outcome;
mod work;

use std::sync::Arc;

use argosy_failpoint::{Failpoint, Planted, fires, planted};
use argosy_shard::{Command, OperationId, Report, Verb};
use futures::FutureExt as _;
use futures::future::{BoxFuture, OptionFuture};
use tokio::sync::Semaphore;
use tokio::time::{Duration, sleep, sleep_until};

use self::carry::Carried;
use self::hands::{Ended, Hands};
use self::work::{Arrivals, Queue};
use super::commit::{CommitError, Committer};
use super::notify::Notifier;
use super::providers::{CallLimits, Providers};
use super::sessions::Hub;
use crate::metrics::names;
use crate::replica::Listener;

/// Most reports in one entry.
const BATCH: usize = 2_000;
/// Before the log is told once more what it did not take.
const AGAIN: Duration = Duration::from_millis(500);
/// Attempts in hand for each call that may be at a provider: those that still wait for an operator's blob hold up nobody else's calls.
const WAITING_PER_CALL: usize = 16;

/// The actuator of one leadership.
pub(super) struct Actuator {
    committer: Arc<Committer>,
    hub: Arc<Hub>,
    notifier: Arc<Notifier>,
    providers: Providers,
    limits: CallLimits,
    /// Attempts in hand at once, drains that wait aside.
    hands: usize,
    /// Calls at providers at once.
    calls: Semaphore,
}

/// Listens to the fold until it is dropped.
struct Listening<'a> {
    actuator: &'a Actuator,
    arrivals: Arc<Arrivals>,
    listener: Arc<dyn Listener>,
}

impl Actuator {
    pub(super) fn new(
        committer: Arc<Committer>,
        (hub, notifier): (Arc<Hub>, Arc<Notifier>),
        providers: Providers,
        limits: CallLimits,
        concurrency: usize,
    ) -> Self {
        let concurrency = concurrency.max(1);
        let (hands, calls) = (concurrency.saturating_mul(WAITING_PER_CALL), Semaphore::new(concurrency));
        Self { committer, hub, notifier, providers, limits, hands, calls }
    }

    /// Works until the leadership ends, which drops it.
    pub(super) async fn run(&self) {
        let listening = self.listen();
        let mut queue = Queue::default();
        let mut hands = Hands::default();
        let mut reports: Vec<Report> = Vec::new();
        let mut committing: Option<BoxFuture<'_, ()>> = None;
        loop {
            queue.add(listening.arrivals.take());
            self.fill(&mut queue, &mut hands);
            if committing.is_none() && !reports.is_empty() {
                let most = if fires(Failpoint::OutcomesOneByOne) { 1 } else { BATCH };
                let batch = reports.drain(..reports.len().min(most)).collect();
                committing = Some(self.report_at_last(batch).boxed());
            }
            let due = queue.next_due().and_then(|due| self.committer.clock().when(due));
            tokio::select! {
                Some(ended) = hands.next() => {
                    self.put_down(ended, &mut queue, &mut reports);
                    // Whatever else has ended by now goes into the same entry.
                    while let Some(Some(ended)) = hands.next().now_or_never() {
                        self.put_down(ended, &mut queue, &mut reports);
                    }
                }
                Some(()) = OptionFuture::from(committing.as_mut()) => committing = None,
                () = listening.arrivals.filled() => {}
                Some(()) = OptionFuture::from(due.map(sleep_until)) => {}
            }
        }
    }

    /// Makes every attempt that is open and due, side by side, until all have ended; commits what came of them in the
    /// order of operations. Says how many attempts there were. For lockstep.
    pub(super) async fn run_through(&self) -> Result<usize, CommitError> {
        let mut queue = Queue::default();
        let mut hands = Hands::default();
        queue.add(self.committer.view().state.ledger().iter().map(|operation| operation.id));
        let (mut reports, mut attempts) = (Vec::new(), 0);
        self.fill(&mut queue, &mut hands);
        while let Some(ended) = hands.next().await {
            attempts += usize::from(matches!(ended, Ended::Call(_)));
            self.put_down(ended, &mut queue, &mut reports);
            self.fill(&mut queue, &mut hands);
        }
        // Reports of one attempt keep their order: accepted, then seen.
        reports.sort_by_key(|report| report.operation);
        while !reports.is_empty() {
            let batch = reports.drain(..reports.len().min(BATCH)).collect();
            self.report(batch).await?;
        }
        Ok(attempts)
    }

    fn fill<'a>(&'a self, queue: &mut Queue, hands: &mut Hands<'a>) {
        let now = self.committer.clock().now();
        while hands.busy() < self.hands {
            if let Some(call) = hands.take_announced() {
                hands.carry(self.carry_out(call).boxed());
                continue;
            }
            let Some(call) = queue.next(&self.committer.view(), self.committer.term(), now) else { break };
            tracing::debug!(shard = self.committer.shard(), term = self.committer.term(), operation = %call.operation,
                attempt = call.attempt, machine = call.machine, "making an attempt");
            match call.verb {
                Verb::Drain { .. } => hands.wait(self.announced(call).boxed()),
                _ => hands.carry(self.carry_out(call).boxed()),
            }
        }
        self.gauge(queue.len() + hands.announced(), hands.busy() + hands.waiting());
    }

    fn put_down(&self, ended: Ended, queue: &mut Queue, reports: &mut Vec<Report>) {
        if let Ended::Call(Carried { machine, reports: new }) = ended {
            queue.finished(&machine);
            reports.extend(new);
        }
    }

    /// Commits what came of attempts, or that nothing is known of them, for as long as this leadership lasts. After it the next leader makes
    /// every attempt anew whose outcome the log does not know.
    async fn report_at_last(&self, batch: Vec<Report>) {
        let operations: Vec<OperationId> = batch.iter().map(|report| report.operation).collect();
        let mut outcome = self.report(batch).await;
        while let Err(error) = outcome {
            tracing::warn!(shard = self.committer.shard(), term = self.committer.term(), %error, "outcomes were not committed");
            if planted(Planted::OutcomesLost) {
                return;
            }
            sleep(AGAIN).await;
            outcome = self.committer.commit(Command::Retry(operations.clone())).await.map(drop);
        }
    }

    /// Commits what came of attempts. If that fails while this node still leads, nothing is known of them: they are made
    /// anew.
    async fn report(&self, batch: Vec<Report>) -> Result<(), CommitError> {
        let operations = batch.iter().map(|report| report.operation).collect();
        if fires(Failpoint::OutcomesForgotten) {
            self.committer.commit(Command::Retry(operations)).await?;
            return Ok(());
        }
        let Err(error) = self.committer.commit(Command::Outcomes(batch)).await else { return Ok(()) };
        if self.committer.still_leads() {
            tracing::warn!(shard = self.committer.shard(), %error, "outcomes were not committed; the attempts are made anew");
            self.committer.commit(Command::Retry(operations)).await?;
            return Ok(());
        }
        Err(error)
    }

    /// Everything that is open now, and everything that opens from now on.
    fn listen(&self) -> Listening<'_> {
        let arrivals = Arc::new(Arrivals::default());
        let listener: Arc<dyn Listener> = Arc::clone(&arrivals) as _;
        self.committer.replica().published().listen(Arc::clone(&listener));
        if planted(Planted::QueueEntryLost) {
            return Listening { actuator: self, arrivals, listener };
        }
        // After the listener is in place, so that nothing falls between.
        arrivals.add(self.committer.view().state.ledger().iter().map(|operation| operation.id));
        Listening { actuator: self, arrivals, listener }
    }

    #[allow(clippy::cast_precision_loss)]
    fn gauge(&self, waiting: usize, in_hand: usize) {
        let shard = self.committer.shard().to_owned();
        metrics::gauge!(names::ACTION_QUEUE_DEPTH, "shard" => shard.clone()).set(waiting as f64);
        metrics::gauge!(names::EXECUTE_INFLIGHT, "shard" => shard).set(in_hand as f64);
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.actuator.committer.replica().published().unlisten(&self.listener);
    }
}
