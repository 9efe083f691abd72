//! What proves that nothing was lost and nothing done twice: marks of decisions, the provider's ledger, the replicas.

use std::collections::BTreeMap;
use std::time::Duration;

use argosy_localfleet::{Invariants, LocalFleet, Picture, watch};
use argosy_proto::argosy::v1::StepToResponse;
use tokio::time::Instant;

/// How long replicas may take to catch up at the end.
const CATCH_UP: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Everything that was acknowledged, and what was found when it was looked for again.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Decisions that were acknowledged: by shard and log index, the chain's value after them.
    marks: BTreeMap<String, BTreeMap<u64, Vec<u8>>>,
    /// Acknowledged decisions that a later answer no longer had.
    pub(super) lost_decisions: u64,
    /// Effects beyond the first for one operation.
    pub(super) doubled_actuations: u64,
    /// Effects under a fence that was not newer.
    pub(super) regressed_fences: u64,
    /// Effects in the provider's ledger.
    pub(super) effects: u64,
    /// Rules that replicas broke.
    pub(super) replica_violations: Vec<String>,
    terms: BTreeMap<String, u64>,
    /// How often a shard was found under a newer term.
    pub(super) leader_changes: u64,
    last: BTreeMap<String, StepToResponse>,
}

impl Evidence {
    /// Takes an answer in, and looks for everything acknowledged before that it should have.
    pub(super) fn note(&mut self, shard: &str, answer: &StepToResponse) {
        let marks = self.marks.entry(shard.to_owned()).or_default();
        let told: BTreeMap<u64, &[u8]> = answer.decisions.iter().map(|mark| (mark.index, &mark.hash[..])).collect();
        if let Some(oldest) = told.keys().next() {
            let gone =
                |(index, hash): &(&u64, &Vec<u8>)| told.get(*index).is_none_or(|known| *known != hash.as_slice());
            self.lost_decisions += marks.range(oldest..).filter(gone).count() as u64;
        } else {
            self.lost_decisions += marks.len() as u64;
        }
        marks.extend(told.into_iter().map(|(index, hash)| (index, hash.to_vec())));
        let before = self.terms.insert(shard.to_owned(), answer.term);
        self.leader_changes += u64::from(before.is_some_and(|before| before != answer.term));
        self.last.insert(shard.to_owned(), answer.clone());
    }

    /// The last answer of every shard.
    pub(super) fn last(&self) -> impl Iterator<Item = &StepToResponse> {
        self.last.values()
    }

    /// Waits until all replicas of every shard stand at one revision, then compares what they hold.
    pub(super) async fn compare_replicas(&mut self, fleet: &LocalFleet) {
        let deadline = Instant::now() + CATCH_UP;
        loop {
            let picture = Picture::with_hashes(fleet.blueprint(), fleet.clients()).await;
            let level = fleet.blueprint().shards.iter().all(|shard| {
                let of_shard = picture.replicas.iter().filter(|((of, _), _)| *of == shard.id);
                let revisions: Vec<u64> = of_shard.map(|(_, replica)| replica.revision).collect();
                revisions.len() == fleet.blueprint().nodes.len() && revisions.windows(2).all(|pair| pair[0] == pair[1])
            });
            if level {
                let mut invariants = Invariants::default();
                invariants.look(&picture);
                self.replica_violations.extend(invariants.violations().iter().map(|v| v.evidence.clone()));
                return;
            }
            if Instant::now() >= deadline {
                self.replica_violations.push("the replicas did not reach one revision".to_owned());
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Checks the provider's ledger.
    pub(super) async fn read_ledger(&mut self, fleet: &LocalFleet) {
        match watch::effects(fleet.clients()).await {
            Ok(effects) => {
                let report = argosy_provider::sim::ledger::check(effects);
                self.effects = report.effects;
                self.doubled_actuations = report.doubled.len() as u64;
                self.regressed_fences = report.regressed.len() as u64;
            }
            // What cannot be read proves nothing.
            Err(status) => self.replica_violations.push(format!("the provider's ledger cannot be read: {status}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use argosy_proto::argosy::v1::DecisionMark;

    use super::*;

    fn answer(term: u64, marks: &[(u64, &'static [u8])]) -> StepToResponse {
        let mark = |(index, hash): &(u64, &'static [u8])| DecisionMark { index: *index, hash: (*hash).into() };
        StepToResponse { term, decisions: marks.iter().map(mark).collect(), ..StepToResponse::default() }
    }

    #[test]
    fn an_acknowledged_decision_that_a_later_leader_does_not_have_is_lost() {
        let mut evidence = Evidence::default();
        evidence.note("s", &answer(1, &[(3, b"a"), (5, b"b")]));
        evidence.note("s", &answer(2, &[(3, b"a"), (6, b"c")]));
        assert_eq!((evidence.lost_decisions, evidence.leader_changes), (1, 1));
    }

    #[test]
    fn a_decision_that_became_another_is_lost() {
        let mut evidence = Evidence::default();
        evidence.note("s", &answer(1, &[(3, b"a")]));
        evidence.note("s", &answer(1, &[(3, b"x"), (4, b"y")]));
        assert_eq!(evidence.lost_decisions, 1);
    }

    #[test]
    fn decisions_older_than_an_answer_reaches_are_not_looked_for() {
        let mut evidence = Evidence::default();
        evidence.note("s", &answer(1, &[(3, b"a"), (9, b"b")]));
        evidence.note("s", &answer(1, &[(9, b"b"), (12, b"c")]));
        assert_eq!(evidence.lost_decisions, 0);
    }
}
