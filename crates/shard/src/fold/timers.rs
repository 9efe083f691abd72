//! What time and leaders do to operations: timers that fire, attempts that are made anew.

use argosy_failpoint::{Planted, planted};
use argosy_model::demand::Reporting;
use argosy_model::{Cause, Flags, ShardTime, State};

use super::Fold;
use crate::event::Event;
use crate::lanes::Trouble;
use crate::operation::{Attempt, Ending, Fence, Operation, OperationId, Progress};
use crate::response::Response;

impl Fold<'_> {
    /// Ends the cool-downs and the operations whose time has come.
    pub(super) fn fire_timers(&mut self) {
        let now = self.state.now;
        while let Some(ix) = self.state.cooling.pop_due(now) {
            self.set_flag(ix, Flags::COOLING, false);
        }
        self.move_overdue_breakers();
        self.state.consolidation.expire(now);
        for id in self.state.ledger.overdue(now) {
            self.time_out(id);
        }
    }

    fn time_out(&mut self, id: OperationId) {
        let machine = self.state.ledger.get(id).expect("only an open operation runs out of time").machine;
        let operation = self.close(machine, Ending::TimedOut);
        // One that was never accepted speaks of the lane with each attempt that was refused or not answered, or was held back.
        let was_accepted = matches!(operation.attempt.progress, Progress::Accepted { .. });
        self.creation_failed(&operation, was_accepted.then_some(Trouble::Failed));
        let step = operation.step.name();
        let text = format!("ARG-0440: {step} was not seen to end in time; look at the machine at its provider");
        self.fail(&operation, &text);
    }

    /// Marks the machine of an operation that just ended as failed, until its provider shows it well.
    pub(super) fn fail(&mut self, operation: &Operation, text: &str) {
        let ix = operation.machine;
        let cluster = self.state.fleet.machine(ix).cluster();
        let before = self.state.fleet.step(ix, State::Failed, self.state.now, Some(text), Cause::Provider);
        let before = before.expect("a machine with an operation is transitional, and may fail");
        self.note_change(ix, &before, cluster);
        let (from, to) = (Some(before.state), State::Failed);
        self.events.push(Event::MachineChanged { machine: ix, from, to, cluster });
        self.settle(ix);
        self.guard_late_call(operation);
    }

    /// A call of an attempt of which nothing is known may still arrive: its machine is left alone for as long as a call
    /// can be under way.
    pub(super) fn guard_late_call(&mut self, operation: &Operation) {
        if operation.attempt.progress == Progress::Open {
            self.cool(operation.machine, false);
        }
    }

    /// A new leader's first entry.
    pub(super) fn take_over(&mut self) -> Response {
        self.state.leader_term = self.term;
        self.forget_breakers();
        if planted(Planted::GateForgotten) {
            let clusters: Vec<_> = self.state.books.keys().copied().collect();
            let forgotten = Reporting { heard: true, quarantined: 0, rows: 0 };
            clusters.into_iter().for_each(|cluster| self.state.demand.set_reporting(cluster, forgotten));
        }
        Response::Leader { renewed: self.renew_open_attempts() }
    }

    /// Makes every attempt anew whose fate is unknown. One that its provider has accepted needs no other; one that is
    /// barred waits for a listing.
    pub(super) fn renew_open_attempts(&mut self) -> u32 {
        let is_open = |operation: &&Operation| operation.attempt.progress == Progress::Open;
        let open: Vec<Operation> = self.state.ledger.iter().filter(is_open).copied().collect();
        let now = self.state.now;
        let renewed = open.into_iter().filter(|operation| self.attempt_again(*operation, now)).count();
        u32::try_from(renewed).unwrap_or(u32::MAX)
    }

    /// New attempts at operations from which nothing was heard, each after its own wait.
    pub(super) fn retry(&mut self, operations: &[OperationId]) -> Response {
        let (mut taken, mut late) = (0, 0);
        for id in operations {
            let found = self.state.ledger.get(*id).copied();
            let waits_for_listing = |op: &Operation| matches!(op.attempt.progress, Progress::Barred { .. });
            match found.filter(|operation| !waits_for_listing(operation)) {
                Some(operation) if self.back_off(operation) => taken += 1,
                _ => late += 1,
            }
        }
        Response::Outcomes { taken, late }
    }

    /// A new attempt after a wait that grows with their number. The fate of the present one is unknown.
    pub(super) fn back_off(&mut self, operation: Operation) -> bool {
        let not_before = self.after_wait(&operation);
        self.attempt_again(operation, not_before)
    }

    /// When the next attempt at an operation may be made.
    pub(super) fn after_wait(&self, operation: &Operation) -> ShardTime {
        let wait = self.state.settings.limits.backoff(operation.attempt.number.saturating_add(1));
        self.state.now.plus(wait).max(self.state.after_breaker(operation))
    }

    fn attempt_again(&mut self, mut operation: Operation, not_before: ShardTime) -> bool {
        // What is barred is known not to be executed any more; of anything else an effect is there, or may be.
        operation.maybe_executed |= !matches!(operation.attempt.progress, Progress::Barred { .. });
        self.open_attempt(operation, not_before)
    }

    /// Commits the next attempt at an operation. An entry commits one attempt per machine at most, so that fences rise.
    pub(super) fn open_attempt(&mut self, mut operation: Operation, not_before: ShardTime) -> bool {
        if operation.attempt.fence.sequence >= self.index {
            return false;
        }
        let fence = match planted(Planted::FenceReused) {
            true => operation.attempt.fence,
            false => Fence::new(self.state.generation, self.term, self.index),
        };
        operation.attempt =
            Attempt { number: operation.attempt.number.saturating_add(1), fence, not_before, progress: Progress::Open };
        self.state.ledger.update(operation);
        self.state.counters.attempts += 1;
        self.events.push(Event::AttemptOpened(operation.id));
        true
    }
}
