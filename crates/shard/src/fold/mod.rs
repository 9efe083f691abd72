//! Apply: the fold of one committed entry into the state. Deterministic, and never a panic to the outside.
//!
//! What an entry holds is checked before anything is written; what is not sound is rejected with a code. Behind that
//! stands the last line: if an assertion trips all the same, the state is put back to what it was before the entry and
//! the shard halts with its evidence, on every replica alike and without hurting any other shard.

mod admin;
mod begin;
mod consolidation;
mod gangs;
mod health;
mod lanes;
mod level;
mod machines;
mod mark;
mod notify;
mod observe;
mod outcomes;
mod plan;
mod pools;
mod repairs;
mod roll_up;
mod split;
mod timers;

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use argosy_failpoint::{Planted, planted};
use argosy_model::ClusterIx;

use crate::command::{Command, Envelope};
use crate::digest::Hasher;
use crate::event::{Applied, Event};
use crate::lanes::Lane;
use crate::response::{Rejection, Response};
use crate::state::{Halt, ShardState};

pub(crate) use self::split::Market;

/// Longest evidence that is kept of a halt, in bytes.
const MAX_EVIDENCE: usize = 4_096;

/// One entry on its way into the state.
pub(crate) struct Fold<'a> {
    state: &'a mut ShardState,
    index: u64,
    term: u64,
    events: Vec<Event>,
    /// Whose machines have changed; only followed while somebody is to be told.
    touched: BTreeSet<ClusterIx>,
    /// Lanes that may have to hold back more or less than they do.
    stirred: BTreeSet<Lane>,
}

impl ShardState {
    /// Folds the committed entry at `index`, appended in `term`, into the state.
    ///
    /// Indexes only rise. The same entries give the same state and the same responses on every replica.
    pub fn apply(&mut self, index: u64, term: u64, entry: &[u8]) -> Applied {
        if index <= self.revision {
            return Applied::rejected(Rejection::OutOfOrder { index, applied: self.revision });
        }
        let mark = self.mark();
        let folded = catch_unwind(AssertUnwindSafe(|| self.fold(index, term, entry)));
        let applied = match folded {
            Ok(applied) => {
                self.settle();
                applied
            }
            Err(panic) => {
                self.back_to(mark);
                self.halt(index, "ARG-0431", &panic_text(panic.as_ref()), entry)
            }
        };
        self.revision = index;
        self.counters.entries += 1;
        if matches!(applied.response, Response::Rejected(_)) {
            self.counters.rejected += 1;
        }
        applied
    }

    fn fold(&mut self, index: u64, term: u64, entry: &[u8]) -> Applied {
        let admitted = Envelope::decode(entry).and_then(|envelope| {
            self.admit(term, &envelope)?;
            Ok(envelope)
        });
        let envelope = match admitted {
            Ok(envelope) => envelope,
            Err(rejection) => return Applied::rejected(rejection),
        };
        if let Command::RaiseStateVersion { to } = envelope.command
            && to > crate::state::STATE_VERSION
        {
            let evidence = format!("the state was raised to version {to}, this release knows {}", self.state_version);
            return self.halt(index, "ARG-0432", &evidence, entry);
        }
        self.now = self.now.max(envelope.at);
        let mut fold = Fold::on(self, index, term);
        fold.fire_timers();
        let response = fold.dispatch(envelope.command).unwrap_or_else(Response::Rejected);
        fold.level_lanes();
        fold.split_pools();
        fold.note_mins();
        Applied { response, events: fold.events }
    }

    /// Whether an entry may be folded in at all.
    fn admit(&self, term: u64, envelope: &Envelope) -> Result<(), Rejection> {
        let command = &envelope.command;
        if let Some(halt) = self.halted()
            && !matches!(command, Command::Resume { .. })
        {
            return Err(Rejection::Halted { since: halt.index });
        }
        match (self.has_begun(), matches!(command, Command::Genesis(_))) {
            (false, false) => return Err(Rejection::NotBegun),
            (true, true) => return Err(Rejection::Begun),
            _ => {}
        }
        let needs = command.since_state_version();
        if self.has_begun() && needs > self.state_version {
            return Err(Rejection::StateVersion { needs, has: self.state_version });
        }
        let by_leader = matches!(
            command,
            Command::LeaderStarted
                | Command::Observe(_)
                | Command::Plan(_)
                | Command::Outcomes(_)
                | Command::Retry(_)
                | Command::SizePool { .. }
                | Command::Health(_)
                | Command::Repair(_)
                | Command::Notified(_)
                | Command::ChurnSchedules { .. }
        );
        let by_leader = by_leader && !planted(Planted::OldTermAccepted);
        let proposed = envelope.proposed_in_term;
        // Settings are replaced whole by whoever has read them: what another term has read may be out of date.
        if matches!(command, Command::SetSettings { .. }) && proposed != term {
            return Err(Rejection::StaleTerm { proposed, term });
        }
        if by_leader && (proposed != term || proposed < self.leader_term) {
            return Err(Rejection::StaleTerm { proposed, term });
        }
        let takes_over = matches!(command, Command::LeaderStarted);
        if by_leader && !takes_over && self.leader_term != term {
            return Err(Rejection::LeaderNotStarted { term });
        }
        Ok(())
    }

    fn halt(&mut self, index: u64, code: &str, evidence: &str, entry: &[u8]) -> Applied {
        let mut hasher = Hasher::default();
        hasher.update(entry);
        let evidence = evidence.chars().take(MAX_EVIDENCE).collect();
        self.halted = Some(Arc::new(Halt { index, code: code.to_owned(), evidence, entry: hasher.finish() }));
        let rejection = Rejection::Halted { since: index };
        Applied { response: Response::Rejected(rejection), events: vec![Event::Halted] }
    }
}

impl<'a> Fold<'a> {
    pub(crate) fn on(state: &'a mut ShardState, index: u64, term: u64) -> Self {
        Self { state, index, term, events: Vec::new(), touched: BTreeSet::new(), stirred: BTreeSet::new() }
    }
}

impl Fold<'_> {
    fn dispatch(&mut self, command: Command) -> Result<Response, Rejection> {
        match command {
            Command::Genesis(genesis) => self.begin(genesis),
            Command::LeaderStarted => Ok(self.take_over()),
            Command::Tick => Ok(Response::Done),
            Command::RollUp(roll_up) => self.roll_up(&roll_up),
            Command::Observe(observe) => self.observe(&observe),
            Command::Plan(plan) => self.plan(&plan),
            Command::Outcomes(reports) => Ok(self.outcomes(&reports)),
            Command::Retry(operations) => Ok(self.retry(&operations)),
            Command::SetSettings { settings, by } => self.set_settings(*settings, by),
            Command::Cordon { machine, on, by } => self.cordon(&machine, on, by),
            Command::SetUnhealthy { machine, on, by } => self.set_unhealthy(&machine, on, by),
            Command::Audit { act, by } => Ok(self.audit(act, by)),
            Command::RaiseGeneration { generation, by } => self.raise_generation(generation, by),
            Command::RaiseStateVersion { to } => self.raise_state_version(to),
            Command::Resume { by } => self.resume(by),
            Command::SetPool { specification, by } => self.set_pool(*specification, by),
            Command::RemovePool { pool, by } => self.remove_pool(&pool, by),
            Command::SizePool { pool, specified_at, decision } => self.size_pool(&pool, specified_at, decision),
            Command::Health(updates) => Ok(self.health(updates)),
            Command::SetHealthPolicy { text, by } => self.set_health_policy(text, by),
            Command::SetHealthActs { on, by } => Ok(self.set_health_acts(on, by)),
            Command::Repair(repairs) => Ok(self.repair(&repairs)),
            Command::SetRepairPolicy { policy, by } => self.set_repair_policy(policy.map(|policy| *policy), by),
            Command::HoldRepair { machine, span, by } => self.hold_repair(&machine, span, by),
            Command::RepairNow { machine, class, by } => self.repair_now(&machine, class, by),
            Command::ResetBreaker { domain, by } => Ok(self.reset_breaker(domain.as_ref(), by)),
            Command::SetSinks { file, by } => self.set_sinks(*file, by),
            Command::Notified(progress) => Ok(self.notified(&progress)),
            Command::SetLanePolicy { policy, by } => self.set_lane_policy(policy.map(|policy| *policy), by),
            Command::CloseLanes { lane, by } => Ok(self.close_lanes(lane.as_ref(), by)),
            Command::SetConsolidation { policy, by } => self.set_consolidation(policy.map(|policy| *policy), by),
            Command::ChurnSchedules { policy_at, in_force } => Ok(self.churn_schedules(policy_at, &in_force)),
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("an assertion tripped without a text").to_owned()
}

#[cfg(test)]
mod tests;
