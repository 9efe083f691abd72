//! Writing machines: the ways in which the fold changes a record, each telling the leader's runtime and keeping the timers
//! and the freshness marks in step with it.

use std::sync::Arc;

use argosy_model::fleet::{Aside, FleetError};
use argosy_model::{Cause, Flags, Machine, MachineIx, ShapeIx, State};

use super::Fold;
use crate::cooling::CoolDown;
use crate::event::Event;
use crate::judge;
use crate::observed::ObservedMachine;
use crate::operation::{Assignment, Ending, Operation};
use crate::plant::{Bug, planted};
use crate::{Kind, echo};

impl Fold<'_> {
    /// Writes a record, and tells whoever holds the machine, or held it before.
    pub(super) fn write(
        &mut self,
        ix: MachineIx,
        next: Machine,
        aside: Aside,
        cause: Cause,
    ) -> Result<Machine, FleetError> {
        let before = self.record(ix, next, aside, cause)?;
        self.note_change(ix, &before, next.cluster().or(before.cluster()));
        Ok(before)
    }

    /// Writes a record of which sinks are not told, or not yet.
    pub(super) fn record(
        &mut self,
        ix: MachineIx,
        next: Machine,
        aside: Aside,
        cause: Cause,
    ) -> Result<Machine, FleetError> {
        let before = self.state.fleet.put(ix, next, aside, cause)?;
        if next.state == State::Speculative && before.state != State::Speculative {
            self.forget_health(ix);
            self.forget_repair(ix);
        }
        let cluster = next.cluster().or(before.cluster());
        self.events.push(Event::MachineChanged { machine: ix, from: Some(before.state), to: next.state, cluster });
        Ok(before)
    }

    /// Notes that what a provider was asked before this entry is out of date for a machine.
    pub(super) fn settle(&mut self, ix: MachineIx) {
        let provider = self.state.fleet.words.shape_of(self.state.fleet.machine(ix).shape).provider;
        self.state.settled.note(ix, self.index, provider);
    }

    /// A known machine's record as its provider shows it. A bound machine keeps what it was bound for as long as its
    /// holder is the same; a new holder's terms come from the echo.
    pub(super) fn shown(&mut self, ix: MachineIx, shape: ShapeIx, seen: &ObservedMachine) -> (Machine, Aside) {
        let known = *self.state.fleet.machine(ix);
        let mut next = Machine { shape, ..known.moved(seen.state, self.state.now) };
        let holder = next.cluster().map(|cluster| self.state.fleet.words.cluster_id(cluster));
        if seen.state.is_bound()
            && let Some(cluster) = &seen.cluster
            && holder != Some(cluster)
        {
            let words = &mut self.state.fleet.words;
            let cluster = words.cluster(cluster);
            next = assigned(next, &echo::decode(&seen.metadata, cluster, words, &self.state.profiles));
            next.heir = None;
        }
        if planted(Bug::LateTermsLost) && (known.state, seen.state) == (State::Configuring, State::Configured) {
            next.assigned_priority = 0;
        }
        next.flags = next.flags.with(Flags::NOTICE, judge::notice(seen));
        if seen.state == State::Failed {
            next.flags = next.flags.with(Flags::HOST, seen.host.is_some());
        }
        let host = next.flags.has(Flags::HOST).then(|| self.host_shown(ix, seen)).flatten();
        let error = (seen.state == State::Failed).then(|| Arc::from(judge::error_text(seen)));
        (next, Aside { host, error })
    }

    /// The reference to its host, where that is not simply its id. One that is known already is shared, not copied.
    fn host_shown(&self, ix: MachineIx, seen: &ObservedMachine) -> Option<Arc<str>> {
        let shown = seen.host.as_deref().filter(|host| *host != seen.id)?;
        let known = self.state.fleet.aside(ix).host;
        known.filter(|known| **known == *shown).or_else(|| Some(Arc::from(shown)))
    }

    /// Leaves a machine alone until `until`; with a strike if it was turned down.
    pub(super) fn cool(&mut self, ix: MachineIx, turned_down: bool) {
        let limits = &self.state.settings.limits;
        let strikes =
            self.state.cooling.get(ix).map_or(0, |known| known.strikes).saturating_add(u32::from(turned_down));
        let span = if turned_down { limits.cooling(strikes) } else { limits.call_window };
        let until = Some(self.state.now.plus(span));
        self.state.cooling.set(ix, CoolDown { strikes, until });
        self.set_flag(ix, Flags::COOLING, true);
    }

    /// Forgets that a machine was ever turned down.
    pub(super) fn forgive(&mut self, ix: MachineIx) {
        self.state.cooling.forget(ix);
        self.set_flag(ix, Flags::COOLING, false);
    }

    /// Sets or clears a flag, if that changes anything.
    pub(super) fn set_flag(&mut self, ix: MachineIx, flag: Flags, on: bool) {
        let known = *self.state.fleet.machine(ix);
        let next = Machine { flags: known.flags.with(flag, on), ..known };
        if next != known {
            let aside = self.state.fleet.aside(ix);
            self.state.fleet.put(ix, next, aside, Cause::Provider).expect("a flag breaks no rule of a record");
            self.note_flag(ix);
        }
    }

    /// Ends the operation on a machine: nothing of it is left but the count and the event.
    pub(super) fn close(&mut self, machine: MachineIx, ending: Ending) -> Operation {
        let operation = self.state.ledger.close(machine).expect("only an open operation ends");
        let counters = &mut self.state.counters;
        match ending {
            Ending::Done => counters.done += 1,
            Ending::Refused(_) => counters.refused += 1,
            Ending::Failed | Ending::TimedOut => counters.failed += 1,
            Ending::Unneeded | Ending::Lost | Ending::Overtaken => counters.overtaken += 1,
        }
        let Operation { id, kind, step, decided_at, .. } = operation;
        let took_ms = self.state.now.since(decided_at).0;
        self.events.push(Event::OperationClosed { id, kind, step, machine, ending, took_ms });
        operation
    }

    /// Takes a machine out that its provider no longer has, with everything that refers to it.
    pub(super) fn remove(&mut self, ix: MachineIx) {
        if self.state.ledger.on(ix).is_some() {
            self.close(ix, Ending::Lost);
        }
        let id = self.state.fleet.id(ix).to_owned();
        self.end_repair(ix);
        self.note_gone(ix);
        let before = self.state.fleet.remove(ix).expect("a known machine is removed");
        self.state.cooling.forget(ix);
        self.state.settled.forget(ix);
        self.state.health.machines.remove(&ix);
        self.state.counters.gone += 1;
        self.events.push(Event::MachineRemoved { id, from: before.state, cluster: before.cluster() });
    }

    /// The next record of a machine whose operation of this kind begins.
    pub(super) fn begun(known: &Machine, operation: &Operation, now: argosy_model::ShardTime) -> Machine {
        let next = known.moved(operation.step.doing(), now);
        match (operation.kind, &operation.assignment) {
            (Kind::Bootstrap | Kind::Provision, Some(assignment)) => assigned(next, assignment),
            _ => next,
        }
    }
}

/// With holder and terms.
pub(super) fn assigned(machine: Machine, assignment: &Assignment) -> Machine {
    Machine {
        claim: Some(assignment.claim),
        assigned_priority: assignment.priority,
        assigned_interruption: assignment.interruption,
        assigned_reclamation: assignment.reclamation,
        ..machine
    }
}
