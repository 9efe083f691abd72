//! What came of attempts, as the actuator reports it. Only what is said of the current attempt of an open operation counts.

use argosy_failpoint::{Planted, planted};
use argosy_model::{Cause, State};

use super::Fold;
use crate::command::{Outcome, Report};
use crate::event::Event;
use crate::judge::{self, Meaning, Record};
use crate::lanes::Trouble;
use crate::observed::Observed;
use crate::operation::{Ending, Operation, Progress, Refusal, Step};
use crate::response::Response;
use crate::shapes;

/// So many attempts at a creation are made against a provider that throttles; then another slot may have more luck.
const THROTTLED_CREATES: u32 = 5;

impl Fold<'_> {
    pub(super) fn outcomes(&mut self, reports: &[Report]) -> Response {
        let (mut taken, mut late) = (0, 0);
        for report in reports {
            let current = self.state.ledger.get(report.operation).copied();
            let counts = |operation: &Operation| {
                operation.attempt.number == report.attempt || planted(Planted::LateOutcomeCounted)
            };
            match current.filter(counts) {
                Some(operation) => {
                    self.outcome(operation, &report.outcome);
                    taken += 1;
                }
                None => late += 1,
            }
        }
        Response::Outcomes { taken, late }
    }

    fn outcome(&mut self, operation: Operation, outcome: &Outcome) {
        match outcome {
            Outcome::Accepted { .. } => self.accepted(operation.machine),
            Outcome::Seen(seen) => self.seen(&operation, seen),
            Outcome::Refused { refusal, text } => self.refused(operation, *refusal, text),
            Outcome::Unknown { .. } => {
                self.creation_failed(&operation, Some(Trouble::NoAnswer));
                self.back_off(operation);
            }
        }
    }

    /// The provider accepted the attempt and showed the machine. Where it shows the machine as it was before, that is
    /// only the moment before it began.
    fn seen(&mut self, operation: &Operation, seen: &Observed) {
        let ix = operation.machine;
        let provider = self.state.provider_of(ix).to_owned();
        let handle = shapes::find(&seen.shape, &provider, &self.state.fleet.words);
        let asked_at = operation.attempt.fence.sequence;
        let (shape, machine) = (&seen.shape, &seen.machine);
        let is_sane = shapes::is_sane(shape);
        let record = Record { provider: &provider, asked_at, shape, is_sane, handle, machine, known: Some(ix) };
        let is_it = seen.machine.id == self.state.fleet.id(ix);
        let meaning = if is_it { judge::judge(self.state, &record) } else { Meaning::Screened };
        match meaning {
            Meaning::Ended(_) => {
                let shape = shapes::intern(shape, &provider, &mut self.state.fleet.words);
                self.learn(meaning, Some(ix), shape, machine);
            }
            Meaning::Screened => self.state.counters.screened += 1,
            _ => self.accepted(ix),
        }
    }

    fn refused(&mut self, mut operation: Operation, refusal: Refusal, text: &str) {
        operation.maybe_executed &= !planted(Planted::MaybeExecutedForgotten);
        if planted(Planted::BarTakenForUndone) && matches!(refusal, Refusal::Fenced | Refusal::OutOfPosition) {
            return self.roll_back(&operation, refusal);
        }
        self.creation_failed(&operation, Trouble::of(refusal));
        match refusal {
            // Its provider is at it: that the same attempt was held back as well is a word too late.
            Refusal::HeldBack if operation.attempt.progress != Progress::Open => {}
            Refusal::Fenced => {
                self.state.counters.fenced += 1;
                self.events.push(Event::Fenced(operation.id));
                self.bar(operation, refusal);
            }
            Refusal::NotFound => {
                self.close(operation.machine, Ending::Failed);
                let text: String = text.chars().take(judge::MAX_PROVIDER_TEXT / 4).collect();
                let text = format!("ARG-0441: its provider does not know this machine ({text}); see its inventory");
                self.fail(&operation, &text);
            }
            Refusal::Throttled if is_worth_waiting(&operation) && !self.state.is_call_held_back(&operation) => {
                self.try_later(operation)
            }
            // The provider was not called, so nothing bars an earlier attempt that may have been executed.
            Refusal::NoBlob | Refusal::HeldBack if operation.maybe_executed => self.try_later(operation),
            Refusal::OutOfPosition | Refusal::Undone => self.bar(operation, refusal),
            _ if operation.maybe_executed => self.bar(operation, refusal),
            Refusal::StockOut
            | Refusal::Throttled
            | Refusal::Invalid
            | Refusal::Unimplemented
            | Refusal::NoBlob
            | Refusal::HeldBack => self.roll_back(&operation, refusal),
        }
    }

    /// This attempt was not executed; another may be.
    fn try_later(&mut self, operation: Operation) {
        let not_before = self.after_wait(&operation);
        self.open_attempt(operation, not_before);
    }

    /// The call was turned down, and its fence bars all earlier ones: the next listing says what is true.
    fn bar(&mut self, mut operation: Operation, why: Refusal) {
        operation.attempt.progress = Progress::Barred { at: self.index, why };
        self.state.ledger.update(operation);
    }

    /// Nothing was executed: the machine is back where the decision found it.
    fn roll_back(&mut self, operation: &Operation, refusal: Refusal) {
        let ix = operation.machine;
        let back: State = operation.step.start();
        let next = self.state.fleet.machine(ix).moved(back, self.state.now);
        let aside = self.state.fleet.aside(ix);
        self.write(ix, next, aside, Cause::Refused).expect("a refused step leads back to its start");
        self.settle(ix);
        self.close(ix, Ending::Refused(refusal));
        self.turned_down(ix, refusal);
    }
}

/// Whether a throttled call is tried again. What holds hardware has nowhere else to go; a slot has others beside it.
fn is_worth_waiting(operation: &Operation) -> bool {
    operation.step != Step::Create || operation.attempt.number < THROTTLED_CREATES
}
