//! ARCHITECTURE.md §1: nothing is decided from state that was not committed, so nothing is applied before it is.

use std::collections::BTreeMap;

use super::Invariant;
use crate::sight::Sight;

/// A replica's life: node, number of starts, group.
type Life = (String, u32, u64);

/// The highest commit of each group that any replica knew of, and what each replica had applied at the last look.
#[derive(Debug, Default)]
pub(super) struct AppliedWithinCommitted {
    committed: BTreeMap<u64, u64>,
    applied: BTreeMap<Life, u64>,
}

/// What a replica says of itself.
struct Account {
    life: Life,
    committed: u64,
    applied: u64,
    /// It stands still, and says nothing new.
    paused: bool,
}

impl Invariant for AppliedWithinCommitted {
    fn name(&self) -> &'static str {
        "applied within committed"
    }

    fn source(&self) -> &'static str {
        "ARCHITECTURE.md §1"
    }

    fn look(&mut self, sight: &Sight<'_>) -> Vec<String> {
        let accounts = sight.replicas().map(|(node, replica)| Account {
            life: (node.id.clone(), node.life, replica.group),
            committed: replica.status.committed,
            applied: replica.status.applied.max(replica.view.applied),
            paused: node.paused,
        });
        self.compare(accounts.collect())
    }
}

impl AppliedWithinCommitted {
    /// A state is shown a moment before the account says that it is committed. So what was applied is held against what is committed one
    /// look later.
    fn compare(&mut self, accounts: Vec<Account>) -> Vec<String> {
        for account in &accounts {
            let known = self.committed.entry(account.life.2).or_default();
            *known = account.committed.max(*known);
        }
        let (mut found, mut applied) = (Vec::new(), BTreeMap::new());
        for account in accounts {
            let (node, _, group) = &account.life;
            let before = self.applied.get(&account.life).copied().filter(|_| !account.paused).unwrap_or(0);
            let committed = self.committed.get(group).copied().unwrap_or(0);
            if before > committed {
                found.push(format!("group {group}: {node} applied {before}, and {committed} is committed"));
            }
            applied.insert(account.life, account.applied);
        }
        self.applied = applied;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at node a, which says of group 4 that so much is committed and applied, and at node b, which knows of this commit.
    fn look(check: &mut AppliedWithinCommitted, of_a: (u64, u64), known_to_b: u64) -> usize {
        let account = |node: &str, (committed, applied), paused| Account {
            life: (node.to_owned(), 1, 4),
            committed,
            applied,
            paused,
        };
        check.compare(vec![account("a", of_a, false), account("b", (known_to_b, 0), true)]).len()
    }

    #[test]
    fn what_is_applied_and_not_committed_by_the_next_look_is_found() {
        let mut check = AppliedWithinCommitted::default();
        assert_eq!(look(&mut check, (5, 6), 5), 0, "its account may come a moment later");
        assert_eq!(look(&mut check, (5, 6), 5), 1, "but not a whole look");
    }

    #[test]
    fn what_any_replica_knows_to_be_committed_may_be_applied() {
        let mut check = AppliedWithinCommitted::default();
        for at in 6..9 {
            assert_eq!(look(&mut check, (5, at), at), 0);
        }
    }
}
