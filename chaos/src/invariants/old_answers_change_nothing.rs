//! docs/adr/0046: what a provider showed before the log learnt something newer of a machine changes nothing of it. Every observation says up to
//! which entry its question had been told, and what was decided or heard of a machine after that stands.

use std::collections::BTreeMap;

use argosy_shard::{Command, Event};

use super::Invariant;
use crate::entries::EntrySight;
use crate::sight::Sight;

/// The last entry by which each machine was moved otherwise than by a listing, by group.
#[derive(Debug, Default)]
pub(super) struct OldAnswersChangeNothing(BTreeMap<u64, BTreeMap<String, u64>>);

impl Invariant for OldAnswersChangeNothing {
    fn name(&self) -> &'static str {
        "old answers change nothing"
    }

    fn source(&self) -> &'static str {
        "docs/adr/0046"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for entry in &sight.entries {
            let newest = self.0.entry(entry.group).or_default();
            match &entry.envelope.command {
                Command::Observe(observe) => {
                    for machine in changed(entry).filter(|machine| !entry.is_timed_out(machine)) {
                        let (shard, index, asked_at) = (&entry.shard, entry.index, observe.asked_at);
                        if let Some(at) = newest.get(machine).filter(|at| **at > asked_at) {
                            found.push(format!(
                                "{shard}: what was asked for at {asked_at} changed {machine} at {index}, which was moved at {at}"
                            ));
                        }
                    }
                }
                Command::Plan(_) | Command::Outcomes(_) => {
                    for machine in changed(entry) {
                        newest.insert(machine.to_owned(), entry.index);
                    }
                }
                _ => {}
            }
            for folded in &entry.events {
                if let (Event::OperationClosed { .. }, Some(machine)) = (&folded.event, &folded.machine) {
                    newest.insert(machine.to_string(), entry.index);
                }
            }
        }
        found
    }
}

/// Machines that an entry changed.
fn changed(entry: &EntrySight) -> impl Iterator<Item = &str> {
    entry.events.iter().filter_map(|folded| match &folded.event {
        Event::MachineChanged { .. } => folded.machine.as_deref(),
        Event::MachineRemoved { id, .. } => Some(id.as_str()),
        _ => None,
    })
}
