//! The cycle: decide on committed state, lint, commit the plan. It never waits for what a plan sets in motion.
//!
//! A cycle runs at its interval, and sooner when the state has moved on, though not within the minimal gap; wake-ups
//! coalesce. One plan of a shard is in flight at a time, because a turn ends when its plan is folded in.
//!
//! Architecture invariant: nothing is decided before this leader's own start is folded into the state that is looked at.
//! A state without it may lack what an earlier leader has acknowledged, and the attempts in it are not yet this
//! leader's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use argosy_engine::{Decision, Engine, Plan, Reason, lint};
use argosy_failpoint::{Failpoint, Planted, fires, pause, planted};
use argosy_model::ShardTime;
use argosy_shard::{Command, DropReason, PlanEntry, PlanTaken, Rehearsed, Response};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::commit::{CommitError, Committer};
use super::wall_clock;
use crate::metrics::names;
use crate::replica::View;

/// What a cycle decided, for verdicts and explanations.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Counts the cycles of this leadership, from 1.
    pub cycle: u64,
    /// The moment it was decided for.
    pub at: ShardTime,
    /// The state that it was decided from; handles in the decision are handles of this state.
    pub view: Arc<View>,
    /// The plan, and a verdict on every need.
    pub decision: Arc<Decision>,
    /// What became of the plan, unit by unit as the decision has them; nothing when it was empty or held back whole.
    pub taken: PlanTaken,
    /// The cycle before, with its state: what an explanation compares with.
    pub before: Option<(Arc<View>, Arc<Decision>)>,
}

/// When cycles run.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From the start of one cycle to the start of the next.
    pub interval: Duration,
    /// A change starts a cycle early, though not sooner than this after the last one.
    pub on_demand_min_gap: Duration,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// This leader's start is not in the state yet, or the shard is halted: nothing was decided.
    NotNow,
    /// There was nothing to commit.
    Quiet,
    /// A plan is in the log.
    Committed,
    /// A plan was decided, and a rail or the linter keeps it out of the log.
    HeldBack,
}

/// The cycle of one leadership.
pub(super) struct Cycle {
    committer: Arc<Committer>,
    /// Remembers the last cycle of this leadership; the next leader's starts without.
    engine: Mutex<Engine>,
    decided: watch::Sender<Option<Arc<Decided>>>,
    wanted: Notify,
}

impl Cycle {
    pub(super) fn new(committer: Arc<Committer>) -> Self {
        Self { committer, engine: Mutex::new(Engine::new()), decided: watch::channel(None).0, wanted: Notify::new() }
    }

    /// The newest decision, and every later one.
    pub(super) fn decided(&self) -> watch::Receiver<Option<Arc<Decided>>> {
        self.decided.subscribe()
    }

    /// Asks for a cycle soon. Requests coalesce.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Runs cycles until the leadership ends, which drops it. `after` is called at the end of each.
    pub(super) async fn run(&self, pace: Pace, after: impl Fn()) {
        let mut views = self.committer.replica().watch();
        loop {
            let began = Instant::now();
            views.mark_unchanged();
            if let Err(error) = self.turn().await {
                tracing::warn!(shard = self.committer.shard(), term = self.committer.term(), %error, "a plan was not committed");
            }
            after();
            let early = async {
                tokio::select! {
                    // The replica outlives its leadership.
                    _ = views.changed() => {}
                    () = self.wanted.notified() => {}
                }
                sleep_until(began + pace.on_demand_min_gap).await;
            };
            tokio::select! {
                () = sleep_until(began + pace.interval) => {}
                () = early => {}
            }
        }
    }

    /// One cycle.
    pub(super) async fn turn(&self) -> Result<Turn, CommitError> {
        let (view, began) = (self.committer.view(), Instant::now());
        let is_halted = view.state.halted().is_some();
        if view.state.leader_term() != self.committer.term() || is_halted || fires(Failpoint::CycleSkipped) {
            return Ok(Turn::NotNow);
        }
        let view = self.with_schedules(view).await?;
        let at = self.committer.clock().now().max(view.state.now());
        let decision = inline(|| self.decide(&view, at));
        let shard = self.committer.shard().to_owned();
        metrics::histogram!(names::CYCLE_PHASE_SECONDS, "shard" => shard.clone(), "phase" => "decide")
            .record(began.elapsed());
        let (turn, taken) = self.put_into_log(&view, at, &decision).await?;
        metrics::histogram!(names::CYCLE_SECONDS, "shard" => shard).record(began.elapsed());
        self.decided.send_modify(|last| {
            let cycle = last.as_ref().map_or(0, |last| last.cycle) + 1;
            let before = last.as_ref().map(|last| (Arc::clone(&last.view), Arc::clone(&last.decision)));
            let (view, decision) = (Arc::clone(&view), Arc::clone(&decision));
            *last = Some(Arc::new(Decided { cycle, at, view, decision, taken, before }));
        });
        Ok(turn)
    }

    /// The state once it knows which schedules of churn budgets are open, so that no plan is decided under yesterday's.
    async fn with_schedules(&self, view: Arc<View>) -> Result<Arc<View>, CommitError> {
        match view.state.propose_churn_schedules(wall_clock()) {
            Some(schedules) => {
                self.committer.commit(schedules).await?;
                Ok(self.committer.view())
            }
            None => Ok(view),
        }
    }

    /// Decides with the memory of the cycles before. After a panic amid a decision that memory is not to be trusted.
    fn decide(&self, view: &View, at: ShardTime) -> Arc<Decision> {
        let mut engine = self.engine.lock().unwrap_or_else(|poisoned| {
            self.engine.clear_poison();
            let mut engine = poisoned.into_inner();
            *engine = Engine::new();
            engine
        });
        if fires(Failpoint::EngineForgets) {
            *engine = Engine::new();
        }
        engine.decide(&view.state.view(at))
    }

    async fn put_into_log(
        &self,
        view: &View,
        at: ShardTime,
        decision: &Decision,
    ) -> Result<(Turn, PlanTaken), CommitError> {
        let (plan, nothing) = (&decision.plan, PlanTaken::default());
        if plan.is_empty() {
            return Ok((Turn::Quiet, nothing));
        }
        if self.is_unsound(view, at, decision) {
            return Ok((Turn::HeldBack, nothing));
        }
        if let Some(counter) = rail(view) {
            for action in plan.actions() {
                let shard = self.committer.shard().to_owned();
                metrics::counter!(counter, "shard" => shard, "kind" => action.kind.name()).increment(1);
            }
            return Ok((Turn::HeldBack, nothing));
        }
        if let Some(pause) = pause(Failpoint::CycleLate, LATE) {
            tokio::time::sleep(pause).await;
        }
        let rehearsed = match fires(Failpoint::RehearsalSkipped) {
            true => Rehearsed { plan: plan.clone(), dropped: Vec::new() },
            false => inline(|| view.state.rehearse(plan.clone(), at)),
        };
        let mut all = PlanTaken { dropped: rehearsed.dropped, ..PlanTaken::default() };
        let mut kept = standing(plan.units.len(), &all.dropped);
        let holds = !rehearsed.plan.is_empty();
        if holds {
            for entry in in_pieces(PlanEntry::cut(rehearsed.plan, view.state.revision())) {
                let rest = kept.split_off(entry.units.len());
                let committed = self.committer.commit(Command::Plan(entry)).await?;
                if let Response::Plan(taken) = committed.response {
                    tracing::info!(
                        shard = self.committer.shard(),
                        term = self.committer.term(),
                        index = committed.index,
                        units = kept.len(),
                        opened = taken.opened,
                        dropped = taken.dropped.len(),
                        "plan committed"
                    );
                    all.opened += taken.opened;
                    all.taken += taken.taken;
                    all.dropped.extend(taken.dropped.into_iter().map(|(unit, why)| (kept[unit as usize], why)));
                }
                kept = rest;
            }
        }
        all.dropped.sort_unstable_by_key(|(unit, _)| *unit);
        self.count(plan, &all);
        Ok((if holds { Turn::Committed } else { Turn::HeldBack }, all))
    }

    /// Whether the linter finds anything. A bad plan is refused, counted and told, and never reaches the log.
    fn is_unsound(&self, view: &View, at: ShardTime, decision: &Decision) -> bool {
        let findings = inline(|| lint(&view.state.view(at), decision));
        for finding in &findings {
            let shard = self.committer.shard();
            tracing::error!(
                code = "ARG-0610",
                shard,
                revision = view.state.revision(),
                ?finding,
                "the linter refuses a plan"
            );
            metrics::counter!(names::PLANS_REFUSED, "shard" => shard.to_owned(), "rule" => format!("{:?}", finding.rule)).increment(1);
        }
        !findings.is_empty()
    }

    fn count(&self, plan: &Plan, taken: &PlanTaken) {
        let shard = || self.committer.shard().to_owned();
        let mut dropped = taken.dropped.iter().map(|(unit, _)| *unit as usize).peekable();
        for (position, unit) in plan.units.iter().enumerate() {
            if dropped.next_if_eq(&position).is_some() {
                metrics::counter!(names::ACTIONS_DROPPED, "shard" => shard()).increment(unit.actions.len() as u64);
                continue;
            }
            if unit.reason == Reason::Consolidate {
                metrics::counter!(names::CONSOLIDATION_MOVES, "shard" => shard()).increment(1);
            }
            for action in &unit.actions {
                metrics::counter!(names::ACTIONS, "shard" => shard(), "kind" => action.kind.name()).increment(1);
            }
        }
    }
}

/// The rail that keeps every plan out of the log, by the counter of what it held back.
fn rail(view: &View) -> Option<&'static str> {
    let policy = &view.state.settings().policy;
    if planted(Planted::KillSwitchIgnored) {
        return None;
    }
    // Pause wins if both are on.
    match (policy.kill_switch, policy.dry_run) {
        (true, _) => Some(names::ACTIONS_SUPPRESSED),
        (false, true) => Some(names::ACTIONS_DRYRUN),
        (false, false) => None,
    }
}

/// How late a plan may be at a failpoint.
const LATE: Duration = Duration::from_millis(1_500);

/// The entries as they are; at a failpoint each unit in an entry of its own. Marks go with the last, as ever.
fn in_pieces(entries: Vec<PlanEntry>) -> Vec<PlanEntry> {
    if !fires(Failpoint::PlanInPieces) {
        return entries;
    }
    let mut pieces = Vec::new();
    for PlanEntry { based_on, units, marks } in entries {
        pieces.extend(units.into_iter().map(|unit| PlanEntry { based_on, units: vec![unit], marks: Vec::new() }));
        if let Some(last) = pieces.last_mut() {
            last.marks = marks;
        }
    }
    pieces
}

/// The positions of a plan's units without those that were dropped.
fn standing(units: usize, dropped: &[(u32, DropReason)]) -> Vec<u32> {
    let all = 0..u32::try_from(units).unwrap_or(u32::MAX);
    all.filter(|unit| dropped.iter().all(|(gone, _)| gone != unit)).collect()
}

/// Runs a computation where it is called. On a runtime with several threads the others take over this one's tasks
/// meanwhile; on a single thread, as in simulation, everything waits, which keeps the order of things.
pub(crate) fn inline<T>(compute: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(compute),
        _ => compute(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leader::clock::Clock;
    use crate::replica::lone;

    #[test]
    fn the_units_that_stand_are_those_that_were_not_dropped() {
        let dropped = [(1, DropReason::Busy), (3, DropReason::ReclaimCap)];
        assert_eq!(standing(5, &dropped), [0, 2, 4]);
        assert_eq!(standing(2, &[]), [0, 1]);
    }

    #[tokio::test]
    async fn nothing_is_decided_before_this_leader_s_start_is_folded_in() {
        let (replica, _host) = lone::replica().await;
        let committer = Committer::new(replica.clone(), replica.leadership().term, Clock::running(ShardTime(0)));
        committer.commit(Command::Genesis(lone::genesis())).await.expect("the shard begins");
        let cycle = Cycle::new(Arc::clone(&committer));
        assert_eq!(cycle.turn().await, Ok(Turn::NotNow));
        assert!(cycle.decided().borrow().is_none(), "decided from a state that this leader has not taken over");
        committer.commit(Command::LeaderStarted).await.expect("it leads");
        assert_eq!(cycle.turn().await, Ok(Turn::Quiet));
        assert_eq!(cycle.decided().borrow().as_ref().map(|decided| decided.cycle), Some(1));
    }
}
