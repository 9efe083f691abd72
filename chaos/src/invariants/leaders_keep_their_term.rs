//! ARCHITECTURE.md §1: apply refuses what only a leader may say when it was said in another term than it was appended in. A plan, what a
//! provider shows, what came of an attempt: all of it rests on a state that another leader may have gone on from.

use argosy_shard::Command;

use super::Invariant;
use crate::sight::Sight;

/// Needs no memory.
#[derive(Debug, Default)]
pub(super) struct LeadersKeepTheirTerm;

impl Invariant for LeadersKeepTheirTerm {
    fn name(&self) -> &'static str {
        "leaders keep their term"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1, docs/adr/0073"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let late = sight
            .entries
            .iter()
            .filter(|entry| is_for_leaders(&entry.envelope.command) && entry.envelope.proposed_in_term != entry.term);
        let told = late.map(|entry| {
            let (shard, index, term) = (&entry.shard, entry.index, entry.term);
            let (name, proposed) = (entry.envelope.command.name(), entry.envelope.proposed_in_term);
            format!("{shard}: {name} at {index} was proposed in term {proposed}, appended in {term} and taken")
        });
        told.collect()
    }
}

fn is_for_leaders(command: &Command) -> bool {
    matches!(
        command,
        Command::LeaderStarted
            | Command::Observe(_)
            | Command::Plan(_)
            | Command::Outcomes(_)
            | Command::Retry(_)
            | Command::SetSettings { .. }
            | Command::SizePool { .. }
            | Command::Health(_)
            | Command::Repair(_)
            | Command::Notified(_)
            | Command::ChurnSchedules { .. }
    )
}
