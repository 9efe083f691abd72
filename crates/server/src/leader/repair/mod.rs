//! Repair at the leader: what is next for machines in repair goes into the log, and what the log says that agents are to do is done.
//!
//! Nothing is remembered here that the state does not have. A new leader finds every order in the log and gives it again: the
//! same order is the same act to an agent, and a word about it that comes twice is taken once.
//!
//! Architecture invariant: nothing is decided here. `ShardState::propose_repairs` says what is next, and the fold checks it anew.

mod errand;

use std::collections::BTreeSet;
use std::sync::Arc;

use argosy_model::ShardTime;
use argosy_repair::{Class, Step};
use argosy_shard::{Command, RepairOrder, ShardState};
use futures::future::OptionFuture;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use self::errand::{Errand, Word};
use super::agents::Agents;
use super::commit::Committer;
use super::health::HealthDesk;
use super::wall_clock;
use crate::metrics::names;

/// Least time between two looks.
const GAP: Duration = Duration::from_millis(50);
/// Before another try at a commit that failed while this node leads.
const PAUSE: Duration = Duration::from_millis(200);

/// The repairs of one leadership, as far as they are on their way.
struct Workshop {
    committer: Arc<Committer>,
    agents: Arc<Agents>,
    health: Arc<HealthDesk>,
    /// Orders that an errand is out for.
    out: BTreeSet<u64>,
    errands: JoinSet<Word>,
}

/// Runs until the leadership ends, which drops it.
pub(in crate::leader) async fn run(committer: Arc<Committer>, agents: Arc<Agents>, health: Arc<HealthDesk>) {
    let mut views = committer.replica().watch();
    let mut workshop = Workshop { committer, agents, health, out: BTreeSet::new(), errands: JoinSet::new() };
    loop {
        let view = views.borrow_and_update().clone();
        let looked = Instant::now();
        let now = workshop.committer.clock().now();
        workshop.measure(&view.state);
        workshop.send_out(&view.state, now);
        if let Some(command) = view.state.propose_repairs(now, wall_clock()) {
            workshop.commit(command).await;
            sleep_until(looked + GAP).await;
            continue;
        }
        let due = view.state.next_repair(now, wall_clock()).and_then(|due| workshop.committer.clock().when(due));
        let has_errands = !workshop.errands.is_empty();
        tokio::select! {
            // The replica outlives its leadership.
            _ = views.changed() => {}
            Some(()) = OptionFuture::from(due.map(sleep_until)) => {}
            Some(word) = workshop.errands.join_next(), if has_errands => {
                if let Ok(word) = word {
                    workshop.heard(word).await;
                }
            }
        }
        sleep_until(looked + GAP).await;
    }
}

impl Workshop {
    /// Sends an errand out for every order that has none.
    fn send_out(&mut self, state: &ShardState, now: ShardTime) {
        let orders: Vec<RepairOrder> = state.repair_orders().collect();
        for order in orders.iter().filter(|order| now < order.until) {
            if self.out.insert(order.order) {
                let (machine, class) = (state.fleet().id(order.machine).to_owned(), order.class);
                tracing::info!(shard = self.committer.shard(), machine, %class, order = order.order, "an agent is told to act");
                let errand = Errand { order: order.clone(), machine, reason: reason(state, order) };
                let (agents, health) = (Arc::clone(&self.agents), Arc::clone(&self.health));
                let ends = self.committer.clock().when(order.until).unwrap_or_else(Instant::now);
                self.errands.spawn(errand.run(agents, health, ends));
            }
        }
        // Orders only rise, and there is never more than one to a machine.
        self.out.retain(|out| orders.iter().any(|order| order.order == *out));
    }

    async fn heard(&mut self, word: Word) {
        let Word { order, machine, outcome } = word;
        let Some(outcome) = outcome else { return };
        tracing::info!(shard = self.committer.shard(), machine, order = order.order, ?outcome, "word of a repair");
        let view = self.committer.view();
        let Some(command) = view.state.repair_outcome(order.machine, order.order, outcome) else { return };
        if !self.commit(command).await {
            // It is given again, and its agent says the same again.
            self.out.remove(&order.order);
        }
    }

    async fn commit(&self, command: Command) -> bool {
        let Err(error) = self.committer.commit(command).await else { return true };
        tracing::warn!(shard = self.committer.shard(), %error, "what is next for machines in repair was not committed");
        sleep(PAUSE).await;
        false
    }

    #[allow(clippy::cast_precision_loss)]
    fn measure(&self, state: &ShardState) {
        let shard = || self.committer.shard().to_owned();
        let book = state.repairs().book();
        let example = [
            Step::Waiting,
            Step::Admitted,
            Step::Acting { order: 0, until: ShardTime(0) },
            Step::Verifying { until: ShardTime(0), fit_since: None },
            Step::Condemned,
            Step::Quarantined,
        ];
        for step in example.map(Step::name) {
            let count = book.repairs().filter(|(_, repair)| repair.step.name() == step).count();
            metrics::gauge!(names::REPAIRS, "shard" => shard(), "step" => step).set(count as f64);
        }
        metrics::gauge!(names::REPAIR_BREAKERS, "shard" => shard()).set(book.tripped(state.now()).count() as f64);
    }
}

/// Why an order was given, for the site's script and its log.
fn reason(state: &ShardState, order: &RepairOrder) -> String {
    let repair = state.repairs().book().get(order.machine);
    repair.map_or_else(String::new, |repair| repair.reason.clone())
}

/// Whether an order is for single GPUs.
fn is_for_gpus(class: Class) -> bool {
    class == Class::ResetGpu
}
