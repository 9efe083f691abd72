//! ARCHITECTURE.md §2, maybe executed: nothing is taken back while it may have been executed. What ended as refused on an answer's word has
//! no effect at its provider, and what ended as refused in any way has none any more.

use std::collections::BTreeSet;

use argosy_provider::sim::ledger::Standing;
use argosy_shard::{Command, Ending, Event};

use super::Invariant;
use crate::sight::Sight;

/// The steps of operations that have an effect, and those that were refused.
#[derive(Debug, Default)]
pub(super) struct RefusedWasNotDone {
    done: Standing,
    refused: BTreeSet<String>,
}

impl Invariant for RefusedWasNotDone {
    fn name(&self) -> &'static str {
        "what was refused was not done"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §2"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for effect in &sight.effects {
            if self.refused.contains(&effect.operation) {
                found.push(format!("{} had ended as refused, and was done at effect {}", effect.operation, effect.seq));
            }
            self.done.enter(effect);
        }
        for entry in &sight.entries {
            // A listing may show that what was done is undone; an answer can say nothing of the sort.
            let by_answer = matches!(entry.envelope.command, Command::Outcomes(_));
            for folded in &entry.events {
                let Event::OperationClosed { id, step, ending: Ending::Refused(why), .. } = folded.event else {
                    continue;
                };
                let step = format!("{}/{id}/{}", entry.shard, step.name());
                if let Some(effect) = self.done.of(&step).filter(|_| by_answer) {
                    let (why, index) = (why.name(), entry.index);
                    found.push(format!("{step} ended as refused ({why}) at {index}, and was done at effect {effect}"));
                }
                self.refused.insert(step);
            }
        }
        found
    }
}
