//! Raft §5.2: a replica votes for one candidate a term, and what it voted survives a crash.

use std::collections::BTreeMap;

use argosy_raft::GroupId;
use argosy_raft::evidence::stored_vote;

use super::Invariant;
use crate::sight::Sight;

/// Whom each stored vote named, and whom replicas have stored as the leader of each term of a shard.
#[derive(Debug, Default)]
pub(super) struct OneVotePerTerm {
    votes: BTreeMap<(String, u32, u64), u64>,
    leaders: BTreeMap<(u32, u64), u64>,
}

impl Invariant for OneVotePerTerm {
    fn name(&self) -> &'static str {
        "one vote per term"
    }

    fn source(&self) -> &'static str {
        "Raft §5.2"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for (node, shard) in sight.places() {
            let Ok(Some(vote)) = stored_vote(node.durable.as_ref(), GroupId(u64::from(shard.number))) else { continue };
            if vote.leads {
                // Whoever voted for another follows whoever won: all of a term's replicas the same one.
                let known = *self.leaders.entry((shard.number, vote.term)).or_insert(vote.candidate.0);
                if known != vote.candidate.0 {
                    let (term, candidate) = (vote.term, vote.candidate);
                    found.push(format!(
                        "{}: in term {term} node {known} led, and {} followed {candidate}",
                        shard.id, node.id
                    ));
                }
                continue;
            }
            let key = (format!("{}/{}/{}", node.id, node.disk, shard.id), shard.number, vote.term);
            let known = *self.votes.entry(key).or_insert(vote.candidate.0);
            if known != vote.candidate.0 {
                let (term, candidate) = (vote.term, vote.candidate);
                found.push(format!(
                    "{}: in term {term} {} voted for node {known}, then for {candidate}",
                    shard.id, node.id
                ));
            }
        }
        found
    }
}
