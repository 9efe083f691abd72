//! docs/adr/0045: what came of an attempt counts for that attempt. Of an older one nothing more is believed, for the present one may go another way.

use std::collections::BTreeMap;

use argosy_shard::{Command, Event, OperationId};

use super::Invariant;
use crate::entries::EntrySight;
use crate::sight::Sight;

/// How many attempts each open operation has had, by group. One whose beginning was not seen is left out.
#[derive(Debug, Default)]
pub(super) struct OutcomesKeepToTheirAttempt(BTreeMap<u64, BTreeMap<OperationId, u32>>);

impl Invariant for OutcomesKeepToTheirAttempt {
    fn name(&self) -> &'static str {
        "outcomes keep to their attempt"
    }

    fn source(&self) -> &'static str {
        "docs/adr/0045"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for entry in &sight.entries {
            let attempts = self.0.entry(entry.group).or_default();
            if entry.after_gap {
                attempts.clear();
            }
            found.extend(believed(entry, attempts));
            for folded in &entry.events {
                match folded.event {
                    Event::OperationOpened(id) => drop(attempts.insert(id, 1)),
                    Event::AttemptOpened(id) => attempts.get_mut(&id).into_iter().for_each(|attempt| *attempt += 1),
                    Event::OperationClosed { id, .. } => drop(attempts.remove(&id)),
                    _ => {}
                }
            }
        }
        found
    }
}

/// Reports of an entry that are of a former attempt, and moved their operation nevertheless.
fn believed(entry: &EntrySight, attempts: &BTreeMap<OperationId, u32>) -> Vec<String> {
    let Command::Outcomes(reports) = &entry.envelope.command else { return Vec::new() };
    let is_present = |operation: OperationId| {
        let of_it = reports.iter().filter(move |report| report.operation == operation);
        of_it.map(|report| report.attempt).any(|attempt| attempts.get(&operation) == Some(&attempt))
    };
    let moved = |operation: OperationId| {
        let accepted =
            |event: &Event| matches!(event, Event::AttemptAccepted(id) | Event::AttemptOpened(id) if *id == operation);
        entry.events.iter().any(|folded| accepted(&folded.event)) || entry.closed().any(|(id, ..)| id == operation)
    };
    let former = reports.iter().filter(|report| {
        attempts.contains_key(&report.operation) && !is_present(report.operation) && moved(report.operation)
    });
    let told = former.map(|report| {
        let (shard, index, id) = (&entry.shard, entry.index, report.operation);
        let present = attempts.get(&id).copied().unwrap_or_default();
        format!("{shard}: the entry at {index} moved {id} by attempt {}, and {present} was made since", report.attempt)
    });
    told.collect()
}
