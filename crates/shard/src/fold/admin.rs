//! What an admin does by hand. Every act leaves an audit record.

use argosy_model::{Flags, MachineIx};

use super::Fold;
use crate::audit::AuditRecord;
use crate::command::By;
use crate::event::Event;
use crate::response::{Rejection, Response};

/// Longest text of an audit record, in bytes; the rest is cut.
const MAX_AUDIT_TEXT: usize = 4_096;

impl Fold<'_> {
    pub(super) fn cordon(&mut self, machine: &str, on: bool, by: By) -> Result<Response, Rejection> {
        let ix = self.known(machine)?;
        if self.state.fleet.machine(ix).flags.has(Flags::CORDONED) != on {
            self.set_flag(ix, Flags::CORDONED, on);
            self.note_cordon(ix, on, &by);
        }
        Ok(self.audit(format!("{} {machine}", if on { "cordon" } else { "uncordon" }), by))
    }

    pub(super) fn set_unhealthy(&mut self, machine: &str, on: bool, by: By) -> Result<Response, Rejection> {
        let ix = self.known(machine)?;
        // A machine in repair stays out until that has ended; then it is as it was set by hand.
        if self.state.repairs.is_out(ix) {
            self.state.repairs.book.flagged(ix, !on);
        } else {
            self.set_flag(ix, Flags::UNHEALTHY, on);
        }
        self.note_marked(ix, on, &by);
        Ok(self.audit(format!("set {machine} {}", if on { "unhealthy" } else { "healthy" }), by))
    }

    pub(super) fn audit(&mut self, act: String, by: By) -> Response {
        let cut = |text: String| -> String { text.chars().take(MAX_AUDIT_TEXT).collect() };
        let record = AuditRecord {
            index: self.index,
            at: self.state.now,
            by: By { actor: cut(by.actor), reason: cut(by.reason) },
            act: cut(act),
            previous: self.state.audit_head,
        };
        self.state.audit_head = record.head();
        self.events.push(Event::Audited(Box::new(record)));
        Response::Done
    }

    pub(super) fn known(&self, machine: &str) -> Result<MachineIx, Rejection> {
        let unknown = || Rejection::UnknownMachine { machine: machine.chars().take(256).collect() };
        self.state.fleet.find(machine).ok_or_else(unknown)
    }
}
