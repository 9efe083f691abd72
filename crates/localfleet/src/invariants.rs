//! What must hold of a fleet at every moment, checked from outside while it runs.
//!
//! | rule | evidence |
//! |---|---|
//! | replicas agree: equal revision, equal state hash | every replica's own answer |
//! | terms and revisions of linearizable reads never fall | the leaders' answers |
//! | no machine is bound by two shards | the leaders' machine lists |
//! | no effect under an older fence, no two effects for one operation | the provider's ledger |

use std::collections::BTreeMap;

use argosy_proto::argosy::v1::{Effect, MachineRow};
use argosy_provider::sim::ledger;

use crate::picture::Picture;

/// A rule that was broken, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// The evidence.
    pub evidence: String,
}

/// Remembers what has been seen, so that each look is checked against all before it.
#[derive(Debug, Default)]
pub struct Invariants {
    hashes: BTreeMap<(String, u64), (String, Vec<u8>)>,
    newest: BTreeMap<String, (u64, u64)>,
    violations: Vec<Violation>,
}

/// How many revisions back the hashes of a shard are kept.
const KEPT_REVISIONS: u64 = 100_000;

impl Invariants {
    /// Everything that has been found broken.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Checks one look at the fleet.
    pub fn look(&mut self, picture: &Picture) {
        for ((shard, node), replica) in picture.replicas.iter().filter(|(_, replica)| !replica.hash.is_empty()) {
            self.replica(shard, node, replica.revision, &replica.hash);
        }
        for (shard, detail) in &picture.shards {
            if let Some(as_of) = &detail.as_of {
                self.progress(shard, as_of.term, as_of.revision);
            }
        }
    }

    /// Checks that no machine is bound in two shards. `machines` are the bound ones of each shard.
    pub fn bound(&mut self, machines: &BTreeMap<String, Vec<MachineRow>>) {
        let mut holders: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for (shard, rows) in machines {
            for row in rows {
                if let Some(other) = holders.insert((&row.provider, &row.id), shard) {
                    let evidence = format!("{} is bound in {other} and in {shard}", row.id);
                    self.violations.push(Violation { rule: "no machine is bound by two shards", evidence });
                }
            }
        }
    }

    /// Checks the provider's whole ledger.
    pub fn ledger(&mut self, effects: impl IntoIterator<Item = Effect>) -> ledger::LedgerReport {
        let report = ledger::check(effects);
        for doubled in &report.doubled {
            let evidence = format!("{doubled:?}");
            self.violations.push(Violation { rule: "no two effects for one operation", evidence });
        }
        for regressed in &report.regressed {
            let evidence = format!("{regressed:?}");
            self.violations.push(Violation { rule: "no effect under an older fence", evidence });
        }
        report
    }

    fn replica(&mut self, shard: &str, node: &str, revision: u64, hash: &[u8]) {
        let key = (shard.to_owned(), revision);
        let (first, known) = self.hashes.entry(key).or_insert_with(|| (node.to_owned(), hash.to_vec()));
        if known != hash {
            let evidence = format!("{shard} at revision {revision}: {first} and {node} hold different states");
            self.violations.push(Violation { rule: "replicas agree", evidence });
        }
        let oldest = (shard.to_owned(), revision.saturating_sub(KEPT_REVISIONS));
        let stale: Vec<_> = self.hashes.range((shard.to_owned(), 0)..oldest).map(|(key, _)| key.clone()).collect();
        stale.iter().for_each(|key| drop(self.hashes.remove(key)));
    }

    fn progress(&mut self, shard: &str, term: u64, revision: u64) {
        let newest = self.newest.entry(shard.to_owned()).or_default();
        if term < newest.0 || revision < newest.1 {
            let evidence = format!("{shard} went from {newest:?} back to {:?}", (term, revision));
            self.violations.push(Violation { rule: "terms and revisions never fall", evidence });
        }
        *newest = (term.max(newest.0), revision.max(newest.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Replica;

    fn replicas(entries: &[(&str, u64, &[u8])]) -> Picture {
        let of = |(node, revision, hash): &(&str, u64, &[u8])| {
            let replica = Replica { revision: *revision, hash: hash.to_vec(), ..Replica::default() };
            (("s".to_owned(), (*node).to_owned()), replica)
        };
        Picture { replicas: entries.iter().map(of).collect(), ..Picture::default() }
    }

    #[test]
    fn replicas_that_differ_at_one_revision_are_found_even_in_later_looks() {
        let mut invariants = Invariants::default();
        invariants.look(&replicas(&[("a", 7, b"x"), ("b", 6, b"w")]));
        assert!(invariants.violations().is_empty());
        invariants.look(&replicas(&[("b", 7, b"y")]));
        assert_eq!(invariants.violations()[0].rule, "replicas agree");
    }

    #[test]
    fn a_machine_bound_in_two_shards_is_found() {
        let row = MachineRow { id: "m".to_owned(), provider: "p".to_owned(), ..MachineRow::default() };
        let mut invariants = Invariants::default();
        invariants.bound(&BTreeMap::from([("s1".to_owned(), vec![row.clone()]), ("s2".to_owned(), vec![row])]));
        assert_eq!(invariants.violations().len(), 1);
    }

    #[test]
    fn a_term_that_falls_is_found() {
        let mut invariants = Invariants::default();
        invariants.progress("s", 3, 10);
        invariants.progress("s", 2, 11);
        assert_eq!(invariants.violations()[0].rule, "terms and revisions never fall");
    }
}
