//! What must hold after every entry and every decision, whatever happened to the fleet.

use argosy_engine::{Decision, lint};
use argosy_model::{MachineIx, ShardTime};
use argosy_proof::reference;
use argosy_shard::Event;

use super::Leader;

impl Leader {
    /// After an entry: no halt; what changed keeps the rules of its record, agrees with the ledger, and its fence rose.
    pub(super) fn check_entry(&mut self, now_ms: u64, events: &[Event]) {
        if let Some(halt) = self.state.halted() {
            let text = format!("{} at entry {}: {}", halt.code, halt.index, halt.evidence);
            return self.note(now_ms, &text);
        }
        for event in events {
            match event {
                Event::MachineChanged { machine, .. } => self.check_machine(now_ms, *machine),
                Event::OperationOpened(id) | Event::AttemptOpened(id) => {
                    if let Some(operation) = self.state.ledger().get(*id) {
                        let (machine, fence) = (operation.machine, operation.attempt.fence);
                        self.check_machine(now_ms, machine);
                        if self.fences.insert(machine, fence).is_some_and(|before| before >= fence) {
                            self.note(now_ms, &format!("{id}: a fence that did not rise"));
                        }
                    }
                }
                Event::Fenced(id) => self.note(now_ms, &format!("{id}: fenced, though nobody else leads")),
                _ => {}
            }
        }
    }

    fn check_machine(&mut self, now_ms: u64, ix: MachineIx) {
        let state = &self.state;
        // It may have changed and gone within one entry.
        let Some(machine) = state.fleet().get(ix) else { return };
        let id = state.fleet().id(ix);
        let broken = match (machine.check(state.fleet().error(ix).is_some()), state.ledger().on(ix)) {
            (Err(invariant), _) => Some(format!("{id}: {invariant}")),
            (Ok(()), Some(operation)) if machine.state != operation.step.doing() => {
                Some(format!("{id} is {:?} during {}", machine.state, operation.step.name()))
            }
            (Ok(()), None) if machine.state.is_transitional() => {
                Some(format!("{id} is {:?}, and nothing is under way", machine.state))
            }
            _ => None,
        };
        if let Some(broken) = broken {
            self.note(now_ms, &broken);
        }
    }

    /// After a decision, before it is committed: the linter, and on demand the reference.
    pub(super) fn check_decision(&mut self, now_ms: u64, at: ShardTime, decision: &Decision) {
        let view = self.state.view(at);
        let mut broken: Vec<String> = Vec::new();
        if !decision.plan.is_empty() {
            broken.extend(lint(&view, decision).into_iter().map(|finding| format!("the linter: {finding:?}")));
        }
        if self.scrutiny.reference {
            let (anew, ought) = (argosy_engine::decide(&view), reference::decide(&view));
            if *decision != anew {
                broken.push(format!("the engine remembers what is not so: {:?} not {:?}", decision.plan, anew.plan));
            }
            if anew != ought {
                broken.push(format!("the reference decides otherwise: {:?} not {:?}", anew.plan, ought.plan));
            }
        }
        for text in broken {
            self.note(now_ms, &text);
        }
        if self.scrutiny.every_machine {
            let all: Vec<MachineIx> = self.state.fleet().iter().map(|(ix, _)| ix).collect();
            all.into_iter().for_each(|ix| self.check_machine(now_ms, ix));
            let ledger: Vec<MachineIx> = self.state.ledger().iter().map(|operation| operation.machine).collect();
            let lost = ledger.into_iter().find(|ix| self.state.fleet().get(*ix).is_none());
            if let Some(ix) = lost {
                self.note(now_ms, &format!("an operation on a machine that is gone: {ix:?}"));
            }
        }
    }
}
