//! The ledger of effects: what a failover proof reads to see that nothing was done twice and nothing under an older fence.

use std::collections::BTreeMap;

use argosy_proto::argosy::v1::{Effect, effect};
use serde::Serialize;

/// Two effects for one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doubled {
    /// The caller's operation.
    pub operation: String,
    /// The first effect.
    pub first_seq: u64,
    /// Another one.
    pub second_seq: u64,
}

/// An effect under a fence that is not newer than that of an earlier effect of the same shard on the same machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Regressed {
    /// The machine.
    pub machine_id: String,
    /// The shard.
    pub shard_id: String,
    /// The earlier effect.
    pub earlier_seq: u64,
    /// The later one, with the older fence.
    pub later_seq: u64,
}

/// What stands of all that was done: what failed, and what was done to a host that has vanished, has no effect any more.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The effect of each operation's step.
    done: BTreeMap<String, u64>,
    /// The step behind each of the provider's transitions.
    transitions: BTreeMap<String, String>,
    /// What was done to each machine since its host is there.
    machines: BTreeMap<String, Vec<String>>,
}

impl Standing {
    /// Takes in the next effect, and says which earlier one of the same step stands.
    pub fn enter(&mut self, effect: &Effect) -> Option<u64> {
        match effect.kind() {
            effect::Kind::Failed => {
                if let Some(step) = self.transitions.remove(&effect.operation_id) {
                    self.done.remove(&step);
                }
                None
            }
            effect::Kind::Vanished => {
                for step in self.machines.remove(&effect.machine_id).into_iter().flatten() {
                    self.done.remove(&step);
                }
                None
            }
            _ if effect.operation.is_empty() => None,
            _ => {
                let step = &effect.operation;
                self.transitions.insert(effect.operation_id.clone(), step.clone());
                self.machines.entry(effect.machine_id.clone()).or_default().push(step.clone());
                self.done.insert(step.clone(), effect.seq)
            }
        }
    }

    /// The effect of a step, if it stands.
    #[must_use]
    pub fn of(&self, step: &str) -> Option<u64> {
        self.done.get(step).copied()
    }
}

/// Whether an entry of the ledger tells what somebody had done, and not what befell it.
#[must_use]
pub fn was_asked_for(effect: &Effect) -> bool {
    !matches!(effect.kind(), effect::Kind::Failed | effect::Kind::Vanished)
}

/// What a ledger says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LedgerReport {
    /// How many effects there are.
    pub effects: u64,
    /// Effects that were taken back because what they began has failed.
    pub failed: u64,
    /// Hosts that vanished, and what had been done to them with them.
    pub vanished: u64,
    /// Effects without a fence.
    pub unfenced: u64,
    /// Effects that name no operation, as those of stock callers.
    pub unnamed: u64,
    /// Numbers that are missing.
    pub gaps: u64,
    /// Operations that were carried out more than once.
    pub doubled: Vec<Doubled>,
    /// Effects under an older fence.
    pub regressed: Vec<Regressed>,
}

impl LedgerReport {
    /// Nothing was done twice, nothing under an older fence, and nothing is missing.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.doubled.is_empty() && self.regressed.is_empty() && self.gaps == 0
    }
}

/// Checks a ledger from its first entry.
pub fn check(effects: impl IntoIterator<Item = Effect>) -> LedgerReport {
    let mut report = LedgerReport::default();
    let mut standing = Standing::default();
    let mut fences = BTreeMap::<(String, String), (i64, i64, u64)>::new();
    let mut expected_seq = 1;
    for effect in effects {
        report.gaps += u64::from(effect.seq != expected_seq);
        expected_seq = effect.seq + 1;
        if let Some(first_seq) = standing.enter(&effect) {
            report.doubled.push(Doubled { operation: effect.operation.clone(), first_seq, second_seq: effect.seq });
        }
        match effect.kind() {
            effect::Kind::Failed => report.failed += 1,
            effect::Kind::Vanished => report.vanished += 1,
            _ => report.effects += 1,
        }
        if !was_asked_for(&effect) {
            continue;
        }
        report.unnamed += u64::from(effect.operation.is_empty());
        let fence = (effect.shard_epoch, effect.sequence_number);
        if fence == (0, 0) {
            report.unfenced += 1;
            continue;
        }
        let key = (effect.machine_id.clone(), effect.shard_id.clone());
        match fences.get(&key) {
            Some((epoch, sequence, earlier_seq)) if fence <= (*epoch, *sequence) => report.regressed.push(Regressed {
                machine_id: effect.machine_id,
                shard_id: effect.shard_id,
                earlier_seq: *earlier_seq,
                later_seq: effect.seq,
            }),
            _ => {
                fences.insert(key, (fence.0, fence.1, effect.seq));
            }
        }
    }
    report
}

/// An effect as one line of JSON, its fields named as in the proto.
#[must_use]
pub fn json_line(effect: &Effect) -> String {
    let kind = match effect.kind() {
        effect::Kind::Unspecified => "unspecified",
        effect::Kind::Create => "create",
        effect::Kind::Configure => "configure",
        effect::Kind::Drain => "drain",
        effect::Kind::Delete => "delete",
        effect::Kind::Failed => "failed",
        effect::Kind::Vanished => "vanished",
    };
    serde_json::json!({
        "seq": effect.seq,
        "at_ms": effect.at_ms,
        "kind": kind,
        "machine_id": effect.machine_id,
        "operation_id": effect.operation_id,
        "shard_id": effect.shard_id,
        "shard_epoch": effect.shard_epoch,
        "sequence_number": effect.sequence_number,
        "operation": effect.operation,
        "attempt": effect.attempt,
        "cluster": effect.cluster,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(seq: u64, machine: &str, fence: (i64, i64), operation: &str) -> Effect {
        Effect {
            seq,
            machine_id: machine.to_owned(),
            shard_id: "s".to_owned(),
            shard_epoch: fence.0,
            sequence_number: fence.1,
            operation: operation.to_owned(),
            ..Effect::default()
        }
    }

    #[test]
    fn one_effect_for_each_operation_under_rising_fences_is_clean() {
        let report = check([effect(1, "a", (1, 5), "x"), effect(2, "b", (1, 4), "y"), effect(3, "a", (2, 1), "z")]);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.effects, 3);
    }

    #[test]
    fn a_second_effect_for_an_operation_is_found() {
        let report = check([effect(1, "a", (1, 1), "x"), effect(2, "a", (1, 2), "x")]);
        assert_eq!(report.doubled, [Doubled { operation: "x".to_owned(), first_seq: 1, second_seq: 2 }]);
    }

    #[test]
    fn an_effect_under_an_older_or_equal_fence_is_found() {
        for late in [(1, 9), (2, 3)] {
            let report = check([effect(1, "a", (2, 3), "x"), effect(2, "a", late, "y")]);
            assert_eq!(report.regressed.len(), 1, "{late:?}");
        }
    }

    #[test]
    fn what_failed_may_be_done_again_and_is_no_effect() {
        let begun = |seq, transition: &str| Effect {
            operation_id: transition.to_owned(),
            ..effect(seq, "a", (1, i64::try_from(seq).expect("small")), "x")
        };
        let failed =
            Effect { seq: 2, operation_id: "t1".to_owned(), kind: effect::Kind::Failed.into(), ..Effect::default() };
        let again = check([begun(1, "t1"), failed.clone(), begun(3, "t2")]);
        assert!(again.is_clean(), "{again:?}");
        assert_eq!((again.effects, again.failed), (2, 1));
        let thrice = check([begun(1, "t1"), failed, begun(3, "t2"), begun(4, "t3")]);
        assert_eq!(thrice.doubled, [Doubled { operation: "x".to_owned(), first_seq: 3, second_seq: 4 }]);
    }

    #[test]
    fn what_was_done_to_a_host_that_vanished_may_be_done_again_and_to_no_other() {
        let vanished = |machine: &str| Effect {
            seq: 2,
            machine_id: machine.to_owned(),
            kind: effect::Kind::Vanished.into(),
            ..Effect::default()
        };
        let (first, again) = (effect(1, "a", (1, 1), "x"), effect(3, "a", (1, 2), "x"));
        let report = check([first.clone(), vanished("a"), again.clone()]);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.effects, report.vanished), (2, 1));
        assert_eq!(check([first, vanished("b"), again]).doubled.len(), 1, "another machine's host is not this one's");
    }

    #[test]
    fn a_missing_entry_is_not_clean() {
        assert!(!check([effect(1, "a", (1, 1), "x"), effect(3, "a", (1, 2), "y")]).is_clean());
    }
}
