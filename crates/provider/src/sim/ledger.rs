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

/// The hosts that there are: what was created and has not been deleted, whose creation did not fail, and that has not vanished.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// The creation of each machine's host.
    there: BTreeMap<String, Creation>,
    /// Of machines whose host is deleted, the transition that does it, and the creation to go back to if it fails.
    going: BTreeMap<String, (String, Creation)>,
}

#[derive(Clone, Debug)]
struct Creation {
    seq: u64,
    transition: String,
}

impl Hosts {
    /// Takes in the next effect, and says which earlier creation it has doubled: that of a host which is still there.
    pub fn enter(&mut self, effect: &Effect) -> Option<u64> {
        let machine = &effect.machine_id;
        match effect.kind() {
            effect::Kind::Create => {
                self.going.remove(machine);
                let creation = Creation { seq: effect.seq, transition: effect.operation_id.clone() };
                return self.there.insert(machine.clone(), creation).map(|first| first.seq);
            }
            effect::Kind::Delete => {
                if let Some(creation) = self.there.remove(machine) {
                    self.going.insert(machine.clone(), (effect.operation_id.clone(), creation));
                }
            }
            effect::Kind::Vanished => {
                self.there.remove(machine);
                self.going.remove(machine);
            }
            effect::Kind::Failed => {
                let transition = &effect.operation_id;
                if self.there.get(machine).is_some_and(|creation| creation.transition == *transition) {
                    self.there.remove(machine);
                }
                if let Some((_, creation)) = self.going.remove(machine).filter(|(deletion, _)| deletion == transition) {
                    self.there.insert(machine.clone(), creation);
                }
            }
            _ => {}
        }
        None
    }

    /// The machines that have a host.
    pub fn machines(&self) -> impl Iterator<Item = &str> {
        self.there.keys().map(String::as_str)
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

    /// What a ledger of these entries (kind, machine, transition) leaves, and the creations that were doubled.
    fn hosts(entries: &[(effect::Kind, &str, &str)]) -> (Vec<String>, Vec<u64>) {
        let mut hosts = Hosts::default();
        let enter = |(seq, (kind, machine, transition)): (u64, &(effect::Kind, &str, &str))| {
            let (machine_id, operation_id) = ((*machine).to_owned(), (*transition).to_owned());
            hosts.enter(&Effect { seq, kind: (*kind).into(), machine_id, operation_id, ..Effect::default() })
        };
        let doubled = (1..).zip(entries).filter_map(enter).collect();
        (hosts.machines().map(str::to_owned).collect(), doubled)
    }

    #[test]
    fn a_host_is_there_from_its_creation_until_it_goes_however_it_goes() {
        use effect::Kind::{Configure, Create, Delete, Drain, Failed, Vanished};
        let created = (Create, "a", "create-1");
        let there = (vec!["a".to_owned()], vec![]);
        let gone = (vec![], vec![]);
        assert_eq!(hosts(&[created]), there);
        assert_eq!(hosts(&[created, (Configure, "a", "configure-1"), (Failed, "a", "configure-1")]), there);
        assert_eq!(hosts(&[created, (Drain, "a", "drain-1")]), there);
        for end in [(Failed, "a", "create-1"), (Vanished, "a", ""), (Delete, "a", "delete-1")] {
            assert_eq!(hosts(&[created, end]), gone, "{end:?}");
            assert_eq!(hosts(&[created, end, (Create, "a", "create-2")]), there, "{end:?}: it may be created again");
        }
        assert_eq!(hosts(&[created, (Delete, "b", "delete-1"), (Vanished, "b", "")]), there, "that is another one");
    }

    #[test]
    fn a_deletion_that_fails_leaves_the_host_where_it_is() {
        use effect::Kind::{Create, Delete, Failed, Vanished};
        let (created, deleted, failed) =
            ((Create, "a", "create-1"), (Delete, "a", "delete-1"), (Failed, "a", "delete-1"));
        assert_eq!(hosts(&[created, deleted, failed]).0, ["a"]);
        assert_eq!(hosts(&[created, deleted, failed, (Create, "a", "create-2")]).1, [1], "so it is created twice");
        assert_eq!(
            hosts(&[created, deleted, (Vanished, "a", ""), failed]),
            (vec![], vec![]),
            "unless it vanished meanwhile"
        );
    }

    #[test]
    fn a_second_creation_of_a_host_that_is_there_is_found() {
        use effect::Kind::{Create, Failed};
        let twice = [(Create, "a", "create-1"), (Create, "b", "create-1"), (Create, "a", "create-2")];
        assert_eq!(hosts(&twice).1, [1]);
        let late = [(Create, "a", "create-1"), (Create, "a", "create-2"), (Failed, "a", "create-1")];
        assert_eq!(hosts(&late), (vec!["a".to_owned()], vec![1]), "what fails late is not the second one");
    }

    #[test]
    fn a_missing_entry_is_not_clean() {
        assert!(!check([effect(1, "a", (1, 1), "x"), effect(3, "a", (1, 2), "y")]).is_clean());
    }
}
