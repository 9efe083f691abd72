//! Repairs: verdicts and people begin them, the leader's moves take them on, and here alone their flags are set.
//!
//! Every move is checked anew: against the record that it was decided from, against breakers and against budgets. A flag that an
//! administrator set by hand stays when a repair ends.

use std::sync::Arc;

use argosy_model::{Duration, Flags, MachineIx, State};
use argosy_repair::record::Hold;
use argosy_repair::{At, Census, Class, Closed, Domain, Gate, Heard, Order, Policy, Repair, Report, Step, Stepped};

use super::Fold;
use crate::command::By;
use crate::event::Event;
use crate::rails;
use crate::repairs::{MAX_MOVES, Repairs, tally};
use crate::response::{Rejection, Response};

impl Fold<'_> {
    /// Tells a machine's repair what its verdict is; begins one if it is unfit.
    pub(super) fn verdict_to_repair(&mut self, ix: MachineIx) {
        let state = &mut *self.state;
        let Some(kept) = state.health.machines.get(&ix) else { return };
        if !state.health.acts && state.repairs.book.get(ix).is_none() {
            return;
        }
        // What is unfit for a reason that asks for no repair is looked at by somebody.
        let unfit = kept.verdict.unfit.then(|| kept.verdict.class.parse().unwrap_or(Class::Quarantine));
        let report = Report {
            unfit,
            reason: kept.verdict.reason.clone(),
            place: state.place_of(ix),
            is_warming_up: state.is_warming_up(ix),
            keep: state.repairs.policy.longest_window(),
        };
        match state.repairs.book.heard(ix, report, state.now) {
            Heard::Nothing => {}
            Heard::Opened(opened) => self.repair_moved(ix, &opened.0, opened.0.step.name()),
            Heard::Closed(closed) => self.repair_closed(ix, &closed),
        }
    }

    /// Verdicts act no longer.
    pub(super) fn stand_down(&mut self) {
        for (ix, closed) in self.state.repairs.book.stand_down() {
            self.repair_closed(ix, &closed);
        }
    }

    /// Takes each move that holds, and says how many there were.
    pub(super) fn repair(&mut self, repairs: &Repairs) -> Response {
        let all = u32::try_from(repairs.steps.len()).unwrap_or(u32::MAX);
        let is_sound = repairs.based_on >= self.state.slots_reused_at
            && repairs.policy == self.state.repairs.revision
            && repairs.steps.len() <= MAX_MOVES;
        if !is_sound {
            return Response::Repairs { taken: 0, late: all };
        }
        let policy = Arc::clone(&self.state.repairs.policy);
        // As they are before the first move, whatever the moves change.
        let (kept, fleet) = (self.state.repairs.clone(), self.state.fleet.clone());
        let tally = || tally(&kept, &fleet);
        let census = Census::new(&tally);
        for domain in &repairs.trips {
            self.trip(domain, &policy, &census);
        }
        let standstill = rails::standstill(&self.state.settings.policy).is_some();
        let (book, now) = (&self.state.repairs.book, self.state.now);
        let mut gate = Gate::new(book, &policy, &census, now, &repairs.in_force, standstill);
        let mut taken = 0;
        for step in &repairs.steps {
            let Some(sight) = self.state.sight(step.machine) else { continue };
            let at = At { policy: &policy, sight, now, index: self.index };
            match self.state.repairs.book.step(step, at, &mut gate) {
                Ok(Stepped::At(repair)) => {
                    self.flag_by_repair(step.machine);
                    self.repair_moved(step.machine, &repair, repair.step.name());
                    taken += 1;
                }
                Ok(Stepped::Closed(closed)) => {
                    self.repair_closed(step.machine, &closed);
                    taken += 1;
                }
                Err(_) => {}
            }
        }
        Response::Repairs { taken, late: all - taken }
    }

    fn trip(&mut self, domain: &Domain, policy: &Policy, census: &Census<'_>) {
        let (fleet, now) = (self.state.fleet.clone(), self.state.now);
        let is_serving = |ix| fleet.machine(ix).state == State::Configured;
        let Some((trip, retreats)) = self.state.repairs.book.trip(domain, policy, census, now, is_serving) else {
            return;
        };
        self.note_trip(domain, trip.found, trip.of);
        self.events.push(Event::BreakerOpened { domain: domain.clone(), found: trip.found, of: trip.of });
        for ix in retreats {
            self.flag_by_repair(ix);
            let repair = self.state.repairs.book.get(ix).expect("it retreats, and does not end").clone();
            self.repair_moved(ix, &repair, Step::Waiting.name());
        }
    }

    /// Brings a machine's flags in line with its repair.
    fn flag_by_repair(&mut self, ix: MachineIx) {
        let Some(repair) = self.state.repairs.book.get(ix) else { return };
        let (is_out, is_condemned, flagged) = (repair.step.is_out(), repair.step == Step::Condemned, repair.flagged);
        let has = self.state.fleet.machine(ix).flags.has(Flags::UNHEALTHY);
        match is_out {
            // By hand already: whoever did it takes it back.
            true if !has => {
                self.set_flag(ix, Flags::UNHEALTHY, true);
                self.state.repairs.book.flagged(ix, true);
            }
            false if flagged => {
                self.set_flag(ix, Flags::UNHEALTHY, false);
                self.state.repairs.book.flagged(ix, false);
            }
            _ => {}
        }
        self.set_flag(ix, Flags::KEPT, is_out);
        self.set_flag(ix, Flags::CONDEMNED, is_condemned);
    }

    fn repair_closed(&mut self, ix: MachineIx, closed: &Closed) {
        self.set_flag(ix, Flags::KEPT | Flags::CONDEMNED, false);
        if closed.repair.flagged {
            self.set_flag(ix, Flags::UNHEALTHY, false);
        }
        self.repair_moved(ix, &closed.repair, closed.ending.name());
    }

    fn repair_moved(&mut self, machine: MachineIx, repair: &Repair, to: &'static str) {
        self.note_repair(machine, repair, to);
        self.events.push(Event::RepairMoved { machine, class: repair.class, to });
    }

    /// What stands in a machine's place now is another machine.
    pub(super) fn forget_repair(&mut self, ix: MachineIx) {
        if let Some(closed) = self.state.repairs.book.gone(ix) {
            self.repair_closed(ix, &closed);
        }
    }

    /// A machine is about to be forgotten.
    pub(super) fn end_repair(&mut self, ix: MachineIx) {
        if let Some(closed) = self.state.repairs.book.gone(ix) {
            self.repair_moved(ix, &closed.repair, closed.ending.name());
        }
    }

    pub(super) fn set_repair_policy(&mut self, policy: Option<Policy>, by: By) -> Result<Response, Rejection> {
        let policy = policy.unwrap_or_default();
        if let Some(fault) = policy.faults().first() {
            let why = fault.to_string().as_str().into();
            return Err(Rejection::Repair { what: "the repair policy".to_owned(), why });
        }
        let act = format!("repair policy of {} breakers and {} budgets", policy.breakers.len(), policy.budgets.len());
        self.state.repairs.policy = Arc::new(policy);
        self.state.repairs.revision = self.index;
        Ok(self.audit(act, by))
    }

    pub(super) fn hold_repair(&mut self, machine: &str, span: Duration, by: By) -> Result<Response, Rejection> {
        let ix = self.known(machine)?;
        let now = self.state.now;
        let hold = Hold { until: now.plus(span), actor: cut(&by.actor), reason: cut(&by.reason) };
        self.state.repairs.book.set_hold(ix, hold, now);
        let act = match span {
            Duration(0) => format!("end the hold on repairs of {machine}"),
            span => format!("hold repairs of {machine} for {} s", span.as_secs()),
        };
        Ok(self.audit(act, by))
    }

    pub(super) fn repair_now(&mut self, machine: &str, class: Class, by: By) -> Result<Response, Rejection> {
        let ix = self.known(machine)?;
        let (place, now) = (self.state.place_of(ix), self.state.now);
        if !matches!(
            self.state.fleet.machine(ix).state,
            State::Configured | State::Idle | State::Draining | State::Failed
        ) {
            let why = "it has no hardware, or its provider is at it".into();
            return Err(Rejection::Repair { what: machine.to_owned(), why });
        }
        let order = Order { actor: by.actor.clone(), reason: by.reason.clone() };
        let ordered = self.state.repairs.book.order(ix, class, &order, place, now);
        let repair = ordered.map_err(|why| Rejection::Repair { what: machine.to_owned(), why: why.into() })?;
        self.flag_by_repair(ix);
        self.repair_moved(ix, &repair, repair.step.name());
        Ok(self.audit(format!("repair {machine} now: {class}"), by))
    }

    pub(super) fn reset_breaker(&mut self, domain: Option<&Domain>, by: By) -> Response {
        let closed = self.state.repairs.book.reset_breakers(domain, self.state.now);
        let names: Vec<String> = closed.iter().map(ToString::to_string).collect();
        names.iter().for_each(|name| self.note_reset(name, &by));
        self.audit(
            format!("reset breakers: {}", if names.is_empty() { "none was open".to_owned() } else { names.join(", ") }),
            by,
        )
    }
}

fn cut(text: &str) -> String {
    argosy_repair::record::cut(text)
}
