//! Moves of repairs: each is taken if it was decided from the record as it stands, and what it needs is so.

use argosy_model::{MachineIx, ShardTime, State};

use super::{Book, Closed, Ending};
use crate::class::Class;
use crate::decide::Sight;
use crate::gate::Gate;
use crate::plant::{Bug, planted};
use crate::policy::{Overdue, Policy};
use crate::record::{Acted, Kept, Move, Repair, Step, StepMove, cut};
use crate::wait::Wait;

/// Where and when a move is taken.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// The machine.
    pub sight: Sight,
    /// Shard time.
    pub now: ShardTime,
    /// Log index of the entry.
    pub index: u64,
}

/// Why a move was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Late {
    /// Nothing is in repair there.
    Unknown,
    /// It was decided from another record.
    Base,
    /// The step does not follow, or what it needs is not so.
    Illegal,
    /// Something holds it back now.
    Held(Wait),
}

/// What a move changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// The repair is elsewhere.
    At(Kept),
    /// The repair is over.
    Closed(Closed),
}

impl Book {
    /// Takes a move, or says why not; then nothing has changed.
    ///
    /// # Errors
    /// See [`Late`].
    pub fn step(&mut self, taken: &StepMove, at: At<'_>, gate: &mut Gate<'_>) -> Result<Stepped, Late> {
        let machine = taken.machine;
        let repair = self.get(machine).ok_or(Late::Unknown)?;
        // Word of an order names the order, which no other entry ever gave: verdicts that come meanwhile do not make it untrue.
        let names_its_order = matches!(taken.step, Move::Acted { .. });
        if repair.updates != taken.base && !names_its_order && !planted(Bug::BaseIgnored) {
            return Err(Late::Base);
        }
        let begins = matches!(taken.step, Move::Admit | Move::Act | Move::Condemn);
        if begins && gate.is_standstill() {
            return Err(Late::Held(Wait::Standstill));
        }
        let is_held = self.hold(machine, at.now).filter(|_| repair.ordered.is_none());
        if let Some(hold) = is_held.filter(|_| begins && !planted(Bug::HoldIgnored)) {
            return Err(Late::Held(Wait::Hold(hold.until)));
        }
        if !allows(repair, &taken.step, at) {
            return Err(Late::Illegal);
        }
        // What waited for people took up no place of a budget.
        let takes_a_place = !repair.step.is_disruption() && begins;
        if takes_a_place {
            gate.check(repair).map_err(Late::Held)?;
            gate.admit(repair);
        }
        Ok(self.take(machine, &taken.step, at))
    }

    fn take(&mut self, machine: MachineIx, step: &Move, at: At<'_>) -> Stepped {
        let now = at.now;
        match step {
            Move::Pass => {
                return Stepped::Closed(self.close(machine, Ending::Repaired).expect("only what is there is taken"));
            }
            Move::Admit => self.counts.admitted += 1,
            Move::Act => self.counts.orders += 1,
            Move::Fail => self.counts.failed += 1,
            Move::Acted { outcome, .. } => self.counts.failed += u64::from(*outcome != Acted::Done),
            Move::Quarantine => self.counts.quarantined += 1,
            Move::Condemn => {}
        }
        Stepped::At(self.change(machine, |repair| match step {
            Move::Admit => {
                repair.admitted = Some(now);
                repair.to(Step::Admitted, now);
            }
            Move::Act => {
                let act = at.policy.act_of(repair.class).expect("what no agent does was refused");
                repair.to(Step::Acting { order: at.index, until: now.plus(act.within.0) }, now);
            }
            Move::Acted { outcome: Acted::Done, .. } => {
                let verify = at.policy.act_of(repair.class).map_or_else(Default::default, |act| act.verify.0);
                let fit_since = (!repair.unfit).then_some(now);
                repair.to(Step::Verifying { until: now.plus(verify), fit_since }, now);
            }
            Move::Acted { outcome: Acted::Failed(text), .. } => failed(repair, text, 1, at),
            Move::Acted { outcome: Acted::Impossible(text), .. } => failed(repair, text, u32::MAX, at),
            Move::Fail => failed(repair, "it was done, and did not help", 1, at),
            Move::Condemn => {
                repair.class = Class::Replace;
                repair.to(Step::Condemned, now);
            }
            Move::Quarantine => repair.to(Step::Quarantined, now),
            Move::Pass => {}
        }))
    }
}

/// Whether a step follows, and what it needs is so.
fn allows(repair: &Repair, step: &Move, at: At<'_>) -> bool {
    let Sight { state, is_elastic, .. } = at.sight;
    let is_drained = state == State::Idle || planted(Bug::CondemnedWhileServing);
    match (repair.step, step) {
        (Step::Waiting, Move::Admit) => true,
        (Step::Admitted, Move::Act) => {
            let forced = at.policy.act_of(repair.class).is_some_and(|act| act.when_overdue == Overdue::Force);
            let may_be_forced = forced && is_overdue(repair, at.policy, at.now) && has_body(state);
            repair.class.acts() && (state == State::Idle || may_be_forced)
        }
        (Step::Acting { order, .. }, Move::Acted { order: about, .. }) => {
            order == *about || planted(Bug::LateOutcomeCounted)
        }
        (Step::Verifying { fit_since, .. }, Move::Pass) => {
            let soak = at.policy.act_of(repair.class).map_or_else(Default::default, |act| act.soak.0);
            fit_since.is_some_and(|since| at.now >= since.plus(soak))
        }
        (Step::Verifying { until, fit_since }, Move::Fail) => fit_since.is_none() && at.now >= until,
        (Step::Admitted, Move::Condemn) => repair.class == Class::Replace && is_drained && is_elastic,
        (Step::Quarantined, Move::Condemn) => is_drained && is_elastic,
        (Step::Admitted, Move::Quarantine) => {
            let is_for_hands = repair.class == Class::Quarantine || repair.class == Class::Replace && !is_elastic;
            let is_stuck = state == State::Failed && is_overdue(repair, at.policy, at.now);
            state == State::Idle && is_for_hands || is_stuck
        }
        _ => false,
    }
}

/// Whether a machine should have been drained by now.
pub(crate) fn is_overdue(repair: &Repair, policy: &Policy, now: ShardTime) -> bool {
    repair.admitted.is_some_and(|admitted| now >= admitted.plus(policy.drain_within.0))
}

/// Whether there is something for an agent to act on.
pub(crate) fn has_body(state: State) -> bool {
    matches!(state, State::Configured | State::Draining | State::Failed)
}

/// It did not help: once more, or the next class.
fn failed(repair: &mut Repair, text: &str, tries: u32, at: At<'_>) {
    repair.failure = cut(text);
    repair.attempts = repair.attempts.saturating_add(tries);
    let most = at.policy.act_of(repair.class).map_or(0, |act| act.attempts);
    if repair.attempts >= most {
        (repair.class, repair.attempts) = (at.policy.after(repair.class), 0);
    }
    if let Some(worse) = repair.worse.take().filter(|worse| *worse > repair.class) {
        (repair.class, repair.attempts) = (worse, 0);
    }
    repair.to(Step::Admitted, at.now);
}
